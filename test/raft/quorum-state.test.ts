import { describe, expect, test } from "bun:test";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import {
  FIRST_QUORUM_STATE,
  decodeQuorumState,
  encodeQuorumState,
  readQuorumState,
  writeQuorumState,
} from "../../src/raft/quorum-state.ts";
import { fakeWorld } from "../sim/fake-world.ts";

const KAFKA_V1 =
  '{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}';
const KAFKA_V0 =
  '{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}';

describe("quorum-state", () => {
  test("is written byte for byte as Kafka writes it", () => {
    const state = { leaderId: 1, leaderEpoch: 2, votedId: -1, votedDirectoryId: ZERO_UUID };
    expect(encodeQuorumState(state, 1, [1])).toBe(KAFKA_V1);
    expect(encodeQuorumState({ ...state, leaderEpoch: 1 }, 0, [1])).toBe(KAFKA_V0);
  });

  test("is read in both versions", () => {
    const state = { leaderId: 1, leaderEpoch: 2, votedId: -1, votedDirectoryId: ZERO_UUID };
    expect(decodeQuorumState(KAFKA_V1)).toEqual(state);
    expect(decodeQuorumState(KAFKA_V0)).toEqual({ ...state, leaderEpoch: 1 });
  });

  test("that makes no sense is refused, not guessed at", () => {
    const bad = [
      "",
      "[]",
      "null",
      '{"leaderId":1}',
      KAFKA_V1.replace('version":1', 'version":2'),
      KAFKA_V1.replace('Epoch":2', 'Epoch":2.5'),
      KAFKA_V1.replace('Epoch":2', 'Epoch":99999999999'),
      KAFKA_V1.replace("AAAAAAAAAAAAAAAAAAAAAA", "x"),
    ];
    for (const text of bad) expect(() => decodeQuorumState(text)).toThrow(ProtocolError);
  });

  test("survives a loss of power once written, and leaves no temporary file", async () => {
    const { disk } = fakeWorld();
    disk.makeDirectory("/data");
    await disk.syncDirectory("/data");
    await disk.syncDirectory("/");
    expect(readQuorumState(disk, "/data")).toBeNull();
    const text = encodeQuorumState({ ...FIRST_QUORUM_STATE, leaderEpoch: 7 }, 1, []);
    await writeQuorumState(disk, "/data", text);
    const later = disk.crash("none");
    expect(readQuorumState(later, "/data")?.leaderEpoch).toBe(7);
    expect(later.list("/data")).toEqual(["quorum-state"]);
  });
});
