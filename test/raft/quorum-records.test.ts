import { describe, expect, test } from "bun:test";
import { finishNow } from "../../src/base/slices.ts";
import { batchSteps, controlBatch, dataBatch, readRaftBatch } from "../../src/raft/raft-batch.ts";
import { fixtureBytes } from "../protocol/record-fixtures.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { decodeControl, encodeControl } from "../../src/raft/control-record.ts";
import { epochStartRecords } from "../../src/raft/quorum-records.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import {
  hasChanged,
  isOnlyVoter,
  isVoter,
  toVotersRecord,
  voterSet,
  votersFrom,
} from "../../src/raft/voter-set.ts";

const VOTER = {
  id: 1,
  directoryId: "HkOn8O4QRNSckfqH1iQoyQ",
  endpoints: [{ name: "CONTROLLER", host: "localhost", port: 9093 }],
  kraftVersionMin: 0,
  kraftVersionMax: 1,
};

test("a batch of control records has Kafka's bytes", () => {
  const kafka = fixtureBytes("leader-change");
  const { baseOffset, epoch, timestamp, controls } = readRaftBatch(kafka, 0);
  expect(controls.map(({ name }) => name)).toEqual(["LeaderChangeMessage"]);
  expect(controlBatch({ baseOffset, epoch, timestamp }, controls)).toEqual(kafka);
});

test("a batch that is made in steps has the bytes of one that is made at once", () => {
  for (const count of [1, 256, 257, 20_000]) {
    const values = Array.from({ length: count }, (_, index) => Buffer.alloc(1 + (index % 90), "v"));
    const at = { baseOffset: 0, epoch: 0, timestamp: 1_767_225_600_000 };
    const made = finishNow(batchSteps(values, at.timestamp));
    expect(made.equals(dataBatch(at, values))).toBe(true);
  }
});

describe("epochStartRecords", () => {
  const voters = voterSet([VOTER]);
  const namesOf = (start: Partial<Parameters<typeof epochStartRecords>[0]>) =>
    epochStartRecords({
      voters,
      kraftVersion: 1,
      areVotersInLog: true,
      local: VOTER,
      grantingVoterIds: [1],
      ...start,
    }).map(({ name }) => name);
  const all: string[] = ["LeaderChangeMessage", "KRaftVersionRecord", "VotersRecord"];

  test("name voters where the log does not, or no more", () => {
    expect(namesOf({})).toEqual(["LeaderChangeMessage"]);
    expect(namesOf({ areVotersInLog: false }) as string[]).toEqual(all);
    const moved = { ...VOTER, endpoints: [{ name: "CONTROLLER", host: "other", port: 9093 }] };
    expect(namesOf({ local: moved }) as string[]).toEqual(all);
    expect(namesOf({ local: moved, kraftVersion: 0 })).toEqual(["LeaderChangeMessage"]);
  });
});

describe("voters", () => {
  test("are known by node and directory", () => {
    const voters = voterSet([VOTER]);
    expect(isOnlyVoter(voters, 1, VOTER.directoryId)).toBe(true);
    expect(isVoter(voters, 1, "CC7wURaHn9LdAh44tk7sHQ")).toBe(false);
    expect(isVoter(voters, 2, VOTER.directoryId)).toBe(false);
    const unknown = voterSet([{ ...VOTER, directoryId: ZERO_UUID }]);
    expect(isOnlyVoter(unknown, 1, "CC7wURaHn9LdAh44tk7sHQ")).toBe(true);
    expect(isOnlyVoter(voterSet([VOTER, { ...VOTER, id: 2 }]), 1, VOTER.directoryId)).toBe(false);
    expect(hasChanged(undefined, VOTER)).toBe(true);
    expect(hasChanged(VOTER, { ...VOTER, kraftVersionMax: 2 })).toBe(true);
  });

  test("survive the trip through their record", () => {
    const voters = voterSet([VOTER, { ...VOTER, id: 2 }]);
    const { key, value } = encodeControl({ name: "VotersRecord", value: toVotersRecord(voters) });
    const record = decodeControl(key, value);
    if (record.name !== "VotersRecord") throw new Error(record.name);
    expect(votersFrom(record.value)).toEqual(voters);
  });
});

describe("control records", () => {
  test("that are unknown, or no records at all, are refused", () => {
    const { key, value } = encodeControl({ name: "SnapshotFooterRecord", value: { version: 0 } });
    const unknown = Buffer.from(key);
    unknown.writeInt16BE(99, 2);
    for (const [badKey, badValue] of [
      [unknown, value],
      [null, value],
      [key, null],
      [key.subarray(0, 3), value],
      [key, value.subarray(0, 1)],
      [key, Buffer.from([0, 9, 0])],
    ] as const) {
      expect(() => decodeControl(badKey, badValue)).toThrow(ProtocolError);
    }
  });
});
