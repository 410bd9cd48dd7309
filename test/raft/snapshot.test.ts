import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadSteps } from "../../src/metadata/metadata-loader.ts";
import { encodeRecord } from "../../src/metadata/record.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import {
  compareSnapshots,
  parseSnapshotName,
  partialSnapshotFileName,
  snapshotFileName,
} from "../../src/raft/snapshot-name.ts";
import { parseSnapshot, parseSteps, readSnapshot } from "../../src/raft/snapshot-reader.ts";
import { SnapshotWriter } from "../../src/raft/snapshot-writer.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { withoutTimes } from "./without-times.ts";

const FIXTURES = join(import.meta.dir, "../metadata/fixtures/kafka-dynamic");
const METADATA = join(FIXTURES, "__cluster_metadata-0");

describe("snapshot names", () => {
  const id = { endOffset: 63, epoch: 2 };

  test("are Kafka's", () => {
    expect(snapshotFileName(id)).toBe("00000000000000000063-0000000002.checkpoint");
  });

  test("say what a file is", () => {
    expect(parseSnapshotName(snapshotFileName(id))).toEqual({ ...id, state: "complete" });
    expect(parseSnapshotName(partialSnapshotFileName(id))).toEqual({ ...id, state: "partial" });
    expect(parseSnapshotName(`${snapshotFileName(id)}.deleted`)).toEqual({
      ...id,
      state: "deleted",
    });
    const ofKafka = "00000000000000000063-0000000002-132911898483489398.checkpoint.part";
    expect(parseSnapshotName(ofKafka)?.state).toBe("partial");
    for (const other of ["00000000000000000063.log", "quorum-state", "x.checkpoint"]) {
      expect(parseSnapshotName(other)).toBeNull();
    }
  });

  test("are ordered by epoch before offset", () => {
    expect(compareSnapshots({ endOffset: 9, epoch: 1 }, { endOffset: 1, epoch: 2 })).toBeLessThan(
      0,
    );
    expect(compareSnapshots({ endOffset: 9, epoch: 2 }, { endOffset: 1, epoch: 2 })).toBe(8);
  });
});

describe("a snapshot of Kafka's", () => {
  const bytes = readFileSync(join(METADATA, "00000000000000000063-0000000002.checkpoint"));

  test("is read with its header, voters and records", () => {
    const snapshot = parseSnapshot(bytes);
    expect(snapshot.lastContainedLogTimestamp).toBe(1795222297256);
    expect(snapshot.kraftVersion).toBe(1);
    expect(snapshot.values.length).toBe(30);
    expect(snapshot.voters?.get(1)?.endpoints).toEqual([
      { name: "CONTROLLER", host: "localhost", port: 19393 },
    ]);
  });

  test("is written again with the same bytes but for times", async () => {
    const world = fakeWorld();
    world.disk.makeDirectory("/data");
    const snapshot = parseSnapshot(bytes);
    const writer = new SnapshotWriter(world, "/data", { endOffset: 63, epoch: 2 });
    writer.begin(snapshot);
    for (const value of snapshot.values) writer.append(value);
    await writer.freeze();
    const name = "/data/00000000000000000063-0000000002.checkpoint";
    const written = world.disk.readWhole(name);
    expect(withoutTimes(written)).toEqual(withoutTimes(bytes));
    expect(readSnapshot(world.disk, name)).toEqual(snapshot);
    expect(world.disk.list("/data").length).toBe(1);
  });

  test("that is cut short or damaged is refused", () => {
    for (let size = 0; size < bytes.length; size += 61) {
      expect(() => parseSnapshot(bytes.subarray(0, size))).toThrow(ProtocolError);
    }
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1;
      expect(() => parseSnapshot(flipped)).toThrow(ProtocolError);
    }
  });
});

test("a long snapshot is read and applied in many steps", async () => {
  const world = fakeWorld();
  world.disk.makeDirectory("/data");
  const id = { endOffset: 90_000, epoch: 1 };
  const writer = new SnapshotWriter(world, "/data", id);
  writer.begin({ lastContainedLogTimestamp: 7, kraftVersion: 0, voters: null });
  const topicId = "AAAAAAAAAAAAAAAAAAAAAw";
  writer.append(encodeRecord({ name: "TopicRecord", version: 0, value: { name: "t", topicId } }));
  for (let partitionId = 0; partitionId < 5000; partitionId++) {
    const value = { ...PARTITION, partitionId, topicId };
    writer.append(encodeRecord({ name: "PartitionRecord", version: 0, value }));
  }
  await writer.freeze();
  const bytes = world.disk.readWhole(`/data/${snapshotFileName(id)}`);
  const read = counted(parseSteps(bytes));
  expect(read.result).toEqual(parseSnapshot(bytes));
  expect(read.stepCount).toBeGreaterThan(3);
  const loaded = counted(loadSteps(id, read.result, "cluster"));
  expect(loaded.stepCount).toBeGreaterThan(50);
  expect(loaded.result.replay.image.topics.byName("t")?.partitions).toHaveLength(5000);
});

const PARTITION = {
  replicas: [1],
  isr: [1],
  removingReplicas: [],
  addingReplicas: [],
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
};

function counted<R>(steps: Generator<undefined, R, undefined>) {
  for (let stepCount = 1; ; stepCount++) {
    const step = steps.next();
    if (step.done === true) return { result: step.value, stepCount };
  }
}

describe("Kafka's bootstrap files", () => {
  test("are snapshots too", () => {
    const checkpoint = parseSnapshot(readFileSync(join(FIXTURES, "bootstrap.checkpoint")));
    expect(checkpoint.values.length).toBe(6);
    expect(checkpoint.voters).toBeNull();
    const name = "00000000000000000000-0000000000.checkpoint";
    const voters = parseSnapshot(readFileSync(join(METADATA, name))).voters;
    expect(voters?.get(1)?.kraftVersionMax).toBe(1);
  });
});
