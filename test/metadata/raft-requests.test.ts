import { describe, expect, test } from "bun:test";
import { METADATA_TOPIC_ID, ZERO_UUID } from "../../src/base/uuid.ts";
import type { MetadataNode } from "../../src/metadata/metadata-node.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { answerDescribeQuorum } from "../../src/raft/describe-quorum.ts";
import { fetchSnapshotAdapter } from "../../src/raft/adapter/fetch-snapshot.ts";
import { fetchAdapter } from "../../src/raft/adapter/fetch.ts";
import {
  beginQuorumEpochAdapter,
  endQuorumEpochAdapter,
} from "../../src/raft/adapter/quorum-epoch.ts";
import { voteAdapter } from "../../src/raft/adapter/vote.ts";
import { answerRaft } from "../../src/raft/raft-server.ts";
import { readRaftBatches } from "../../src/raft/raft-batch.ts";
import { parseSnapshot } from "../../src/raft/snapshot-reader.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { CLUSTER_ID } from "./controller-harness.ts";
import {
  DIRECTORY_ID,
  createTopic,
  formatStandalone,
  openNode,
  passEpoch,
  run,
  startBroker,
} from "./node-harness.ts";

const METADATA = "__cluster_metadata";
const OTHER_DIRECTORY = "CC7wURaHn9LdAh44tk7sHQ";
const CONTEXT = { clusterId: CLUSTER_ID, listener: "CONTROLLER", version: 18 };
const LEADER = [{ nodeId: 1, host: "localhost", port: 19393 }];

describe("answerFetch", () => {
  test("gives the log from its beginning, batch by batch", () => {
    const { world, node } = started();
    const offsets: number[] = [];
    let offset = 0;
    while (offset < node.raft.log.endOffset) {
      const { responses } = fetchNow(world, node, { fetchOffset: offset, lastFetchedEpoch: 1 }, 1);
      const partition = responses[0]!.partitions[0]!;
      expect(partition.errorCode).toBe(ErrorCode.NONE);
      expect(partition.highWatermark).toBe(node.raft.log.highWatermark);
      expect(partition.currentLeader).toEqual({ leaderId: 1, leaderEpoch: 1 });
      for (const batch of readRaftBatches(partition.records as Buffer)) {
        offsets.push(batch.baseOffset);
        offset = batch.lastOffset + 1;
      }
    }
    expect(offsets[0]).toBe(0);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });

  test("waits for records, and not longer than asked", () => {
    const { world, node } = started();
    const fetchOffset = node.raft.log.endOffset;
    const { highWatermark } = node.raft.log;
    const asked = { fetchOffset, lastFetchedEpoch: 1, highWatermark };
    const before = world.clock.monotonicMs();
    const waiting = answerRaft(
      node.raft,
      fetchAdapter,
      fetchRequest(asked, { maxWaitMs: 500 }),
      CONTEXT,
    );
    const nothing = world.clock.await(waiting).responses[0]!.partitions[0]!;
    expect(nothing.records).toHaveLength(0);
    expect(world.clock.monotonicMs() - before).toBe(500);
    const second = answerRaft(
      node.raft,
      fetchAdapter,
      fetchRequest(asked, { maxWaitMs: 60_000 }),
      CONTEXT,
    );
    run(world, node, createTopic("a"));
    const something = world.clock.await(second).responses[0]!.partitions[0]!;
    expect((something.records as Buffer).length).toBeGreaterThan(0);
    expect(world.clock.monotonicMs() - before).toBeLessThan(1000);
  });

  test("says where a log parts from this one", () => {
    const { world, node } = started();
    passEpoch(world, node, 4);
    const ended = node.raft.log.log.endOffsetFor(1).endOffset;
    const asked = { fetchOffset: ended + 3, lastFetchedEpoch: 1, currentLeaderEpoch: 5 };
    const { responses, nodeEndpoints } = fetchNow(world, node, asked);
    expect(responses[0]!.partitions[0]!.divergingEpoch).toEqual({ epoch: 1, endOffset: ended });
    expect(nodeEndpoints).toEqual([{ ...LEADER[0]!, rack: null }]);
  });

  test("sends who is far behind to a snapshot, which can be read in pieces", () => {
    const { world, node } = started(1000);
    for (const name of ["a", "b", "c", "d", "e", "f"]) run(world, node, createTopic(name, 5));
    world.clock.await(node.whenSnapshotIsWritten());
    const { responses } = fetchNow(world, node, { fetchOffset: 0, lastFetchedEpoch: 0 });
    const snapshotId = responses[0]!.partitions[0]!.snapshotId!;
    expect(snapshotId).toEqual(node.raft.log.latestSnapshot!);
    const pieces: Buffer[] = [];
    for (let position = 0, size = 1; position < size;) {
      const part = fetchSnapshotPart(world, node, snapshotId, position, 100);
      expect(part.errorCode).toBe(ErrorCode.NONE);
      pieces.push(part.unalignedRecords as Buffer);
      position += (part.unalignedRecords as Buffer).length;
      size = part.size;
    }
    expect(parseSnapshot(Buffer.concat(pieces)).values.length).toBeGreaterThan(10);
    const { endOffset, epoch } = snapshotId as { endOffset: number; epoch: number };
    const codes = [
      fetchSnapshotPart(world, node, { endOffset: endOffset + 1, epoch }, 0, 100),
      fetchSnapshotPart(world, node, { endOffset: 0, epoch: 0 }, 0, 100),
      fetchSnapshotPart(world, node, snapshotId, 1_000_000, 100),
      fetchSnapshotPart(world, node, snapshotId, 0, 100, 7),
    ].map(({ errorCode }) => errorCode);
    expect(codes).toEqual([
      ErrorCode.SNAPSHOT_NOT_FOUND,
      ErrorCode.SNAPSHOT_NOT_FOUND,
      ErrorCode.POSITION_OUT_OF_RANGE,
      ErrorCode.UNKNOWN_LEADER_EPOCH,
    ]);
  });

  test("refuses what is no request for the metadata", () => {
    const { world, node } = started();
    const codeOf = (request: ReturnType<typeof fetchRequest>) => {
      const answer = world.clock.await(answerRaft(node.raft, fetchAdapter, request, CONTEXT));
      return answer.errorCode || answer.responses[0]?.partitions[0]?.errorCode;
    };
    const good = { fetchOffset: 3, lastFetchedEpoch: 1 };
    expect(codeOf({ ...fetchRequest(good), clusterId: "x" })).toBe(
      ErrorCode.INCONSISTENT_CLUSTER_ID,
    );
    expect(codeOf({ ...fetchRequest(good), topics: [] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(codeOf(fetchRequest({ ...good, fetchOffset: -1 }))).toBe(ErrorCode.INVALID_REQUEST);
    expect(codeOf(fetchRequest({ ...good, lastFetchedEpoch: 2 }))).toBe(ErrorCode.INVALID_REQUEST);
    expect(codeOf(fetchRequest({ ...good, currentLeaderEpoch: 2 }))).toBe(
      ErrorCode.UNKNOWN_LEADER_EPOCH,
    );
    passEpoch(world, node, 4);
    expect(codeOf(fetchRequest(good))).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    const empty = { clusterId: null, replicaId: 7, maxBytes: 1, topics: [] };
    const answer = world.clock.await(answerRaft(node.raft, fetchSnapshotAdapter, empty, CONTEXT));
    expect(answer.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });
});

describe("answerDescribeQuorum", () => {
  test("names the voter, and observers as long as they read", () => {
    const { world, node } = started();
    const fetchOffset = node.raft.log.endOffset;
    fetchNow(world, node, { fetchOffset, lastFetchedEpoch: 1 });
    const partitions = [{ partitionIndex: 0 }];
    const request = { topics: [{ topicName: METADATA, partitions }] };
    const nowMs = world.clock.wallMs();
    const answer = answerDescribeQuorum(world.clock, node.raft, request);
    expect(answer.nodes).toEqual([
      { nodeId: 1, listeners: [{ name: "CONTROLLER", host: "localhost", port: 19393 }] },
    ]);
    expect(answer.topics[0]?.partitions[0]).toEqual({
      partitionIndex: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      leaderId: 1,
      leaderEpoch: 1,
      highWatermark: fetchOffset,
      currentVoters: [
        {
          replicaId: 1,
          replicaDirectoryId: DIRECTORY_ID,
          logEndOffset: fetchOffset,
          lastFetchTimestamp: nowMs,
          lastCaughtUpTimestamp: nowMs,
        },
      ],
      observers: [
        {
          replicaId: 7,
          replicaDirectoryId: OTHER_DIRECTORY,
          logEndOffset: fetchOffset,
          lastFetchTimestamp: nowMs,
          lastCaughtUpTimestamp: nowMs,
        },
      ],
    });
    world.clock.advance(300_001);
    expect(
      answerDescribeQuorum(world.clock, node.raft, request).topics[0]?.partitions[0]?.observers,
    ).toEqual([]);
  });

  test("knows no other partition", () => {
    const { world, node } = started();
    for (const topics of [
      [],
      [{ topicName: "x", partitions: [{ partitionIndex: 0 }] }],
      [{ topicName: METADATA, partitions: [{ partitionIndex: 1 }] }],
    ]) {
      const answer = answerDescribeQuorum(world.clock, node.raft, { topics });
      const codes = answer.topics.flatMap((topic) => topic.partitions.map((p) => p.errorCode));
      expect(codes).toEqual(topics.map(() => ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
  });
});

describe("answerVote", () => {
  test("gives no vote away, and leads beyond whoever claims a newer epoch", () => {
    const { world, node } = started();
    const ask = (change: Partial<ReturnType<typeof voteFor>>) =>
      world.clock.await(
        answerRaft(node.raft, voteAdapter, voteRequest({ ...voteFor(1), ...change }), CONTEXT),
      ).topics[0]!.partitions[0]!;
    expect(ask({})).toEqual({
      partitionIndex: 0,
      errorCode: ErrorCode.NONE,
      leaderId: 1,
      leaderEpoch: 1,
      voteGranted: false,
    });
    expect(ask({ replicaEpoch: 0, lastOffsetEpoch: -1 }).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask({ replicaId: -1 }).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask({ voterDirectoryId: OTHER_DIRECTORY }).errorCode).toBe(ErrorCode.INVALID_VOTER_KEY);
    expect(node.raft.epoch).toBe(1);
    expect(ask({ replicaEpoch: 9 })).toMatchObject({
      errorCode: ErrorCode.NONE,
      leaderId: -1,
      leaderEpoch: 9,
      voteGranted: false,
    });
    passEpoch(world, node, 9);
    expect(node.raft.epoch).toBe(10);
    run(world, node, createTopic("still"));
    expect(node.image.topics.size).toBe(1);
  });

  test("answers nothing to strangers", () => {
    const { world, node } = started();
    const request = voteRequest(voteFor(99));
    const codes = [
      { ...request, clusterId: "x" },
      { ...request, topics: [] },
      { ...request, topics: [{ topicName: "x", partitions: [voteFor(99)] }] },
    ].map((each) => world.clock.await(answerRaft(node.raft, voteAdapter, each, CONTEXT)).errorCode);
    expect(codes).toEqual([
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      ErrorCode.INVALID_REQUEST,
      ErrorCode.INVALID_REQUEST,
    ]);
    expect(node.raft.epoch).toBe(1);
  });
});

describe("answerBeginQuorumEpoch and answerEndQuorumEpoch", () => {
  test("tell whoever thinks it leads that it does not", () => {
    const { world, node } = started();
    const begin = (leaderId: number, leaderEpoch: number) => {
      const claim = { partitionIndex: 0, leaderId, leaderEpoch, voterDirectoryId: ZERO_UUID };
      const topics = [{ topicName: METADATA, partitions: [claim] }];
      const request = { clusterId: CLUSTER_ID, voterId: -1, topics, leaderEndpoints: [] };
      const answer = world.clock.await(
        answerRaft(node.raft, beginQuorumEpochAdapter, request, CONTEXT),
      );
      expect(answer.nodeEndpoints).toEqual(leaderEpoch < 2 ? LEADER : []);
      return answer.topics[0]!.partitions[0]!;
    };
    expect(begin(2, 0).errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(begin(2, 1).errorCode).toBe(ErrorCode.INCONSISTENT_VOTER_SET);
    expect(begin(1, 1).errorCode).toBe(ErrorCode.NONE);
    expect(begin(2, 5)).toMatchObject({ leaderId: 2, leaderEpoch: 5 });
    passEpoch(world, node, 5);
    expect(node.raft.epoch).toBe(6);

    const claim = { partitionIndex: 0, leaderId: 2, leaderEpoch: 6 };
    const partitions = [{ ...claim, preferredSuccessors: [], preferredCandidates: [] }];
    const topics = [{ topicName: METADATA, partitions }];
    const request = { clusterId: CLUSTER_ID, topics, leaderEndpoints: [] };
    const answer = world.clock.await(
      answerRaft(node.raft, endQuorumEpochAdapter, request, CONTEXT),
    );
    expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.INCONSISTENT_VOTER_SET);
  });
});

function started(bytesBetweenSnapshots = 1_000_000) {
  const world = fakeWorld();
  formatStandalone(world);
  const settings = { metadataLogMaxRecordBytesBetweenSnapshots: bytesBetweenSnapshots };
  const node = openNode(world, { settings });
  startBroker(world, node);
  return { world, node };
}

interface Asked {
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly currentLeaderEpoch?: number;
  readonly highWatermark?: number;
}

function fetchRequest(asked: Asked, options: { maxWaitMs?: number; maxBytes?: number } = {}) {
  const partition = {
    partition: 0,
    currentLeaderEpoch: 1,
    logStartOffset: -1,
    partitionMaxBytes: 0,
    replicaDirectoryId: OTHER_DIRECTORY,
    highWatermark: 2 ** 63,
    ...asked,
  };
  return {
    clusterId: CLUSTER_ID as string | null,
    replicaId: -1,
    replicaState: { replicaId: 7, replicaEpoch: -1 },
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic: "", topicId: METADATA_TOPIC_ID, partitions: [partition] }],
    forgottenTopicsData: [],
    rackId: "",
    ...options,
  };
}

function fetchNow(world: FakeWorld, node: MetadataNode, asked: Asked, maxBytes = 1_000_000) {
  return world.clock.await(
    answerRaft(node.raft, fetchAdapter, fetchRequest(asked, { maxBytes }), CONTEXT),
  );
}

function fetchSnapshotPart(
  world: FakeWorld,
  node: MetadataNode,
  snapshotId: { endOffset?: number | undefined; epoch?: number | undefined },
  position: number,
  maxBytes: number,
  currentLeaderEpoch = 1,
) {
  const id = { endOffset: snapshotId.endOffset ?? -1, epoch: snapshotId.epoch ?? -1 };
  const part = { partition: 0, currentLeaderEpoch, snapshotId: id, position };
  const partitions = [{ ...part, replicaDirectoryId: OTHER_DIRECTORY }];
  const topics = [{ name: METADATA, partitions }];
  const request = { clusterId: CLUSTER_ID, replicaId: 7, maxBytes, topics };
  const answer = world.clock.await(answerRaft(node.raft, fetchSnapshotAdapter, request, CONTEXT));
  return answer.topics[0]!.partitions[0]!;
}

function voteFor(replicaEpoch: number) {
  return {
    partitionIndex: 0,
    replicaEpoch,
    replicaId: 2,
    replicaDirectoryId: OTHER_DIRECTORY,
    voterDirectoryId: ZERO_UUID,
    lastOffsetEpoch: 0,
    lastOffset: 100,
    preVote: false,
  };
}

function voteRequest(partition: ReturnType<typeof voteFor>) {
  const topics = [{ topicName: METADATA, partitions: [partition] }];
  return { clusterId: CLUSTER_ID as string | null, voterId: 1, topics };
}
