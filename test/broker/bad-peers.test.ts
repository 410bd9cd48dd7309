/**
 * What nodes are told that is not so, one after the other, each with Kafka's error and no harm; and
 * nodes that are not what they were: an old folder brought back, a disk that fails, a long freeze.
 */
import { describe, expect, test } from "bun:test";
import { METADATA_TOPIC_ID, ZERO_UUID } from "../../src/base/uuid.ts";
import { NodeError } from "../../src/client/node-error.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { vote } from "../../src/protocol/messages/52-vote.ts";
import { beginQuorumEpoch } from "../../src/protocol/messages/53-begin-quorum-epoch.ts";
import { endQuorumEpoch } from "../../src/protocol/messages/54-end-quorum-epoch.ts";
import { alterPartition } from "../../src/protocol/messages/56-alter-partition.ts";
import { fetchSnapshot } from "../../src/protocol/messages/59-fetch-snapshot.ts";
import { brokerRegistration } from "../../src/protocol/messages/62-broker-registration.ts";
import { brokerHeartbeat } from "../../src/protocol/messages/63-broker-heartbeat.ts";
import { allocateProducerIds } from "../../src/protocol/messages/67-allocate-producer-ids.ts";
import { assignReplicasToDirs } from "../../src/protocol/messages/73-assign-replicas-to-dirs.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { FAKE_WALL_MS } from "../sim/fake-clock.ts";
import type { FakeDisk } from "../sim/fake-disk.ts";
import { addressOf, CLUSTER_ID, type NodePlan, RoleCluster } from "./role-cluster.ts";

const IDS = [1, 2, 3];
const THREE: readonly NodePlan[] = IDS.map((id) => ({ id, roles: "broker,controller" }));
const ONE_AND_THREE: readonly NodePlan[] = [
  { id: 11, roles: "controller" },
  ...IDS.map((id) => ({ id, roles: "broker" as const })),
];
const OTHER_CLUSTER = "YW5vdGhlci1jbHVzdGVyLQ";
const OTHER_DIRECTORY = "CC7wURaHn9LdAh44tk7sHQ";
const METADATA = "__cluster_metadata";
const [STRANGER, NOBODY] = [77, -1];

describe("a replica's fetch", () => {
  test("from whom is no replica, or of another life or leadership, moves nothing", () => {
    const { cluster, topicId } = started(ONE_AND_THREE);
    const { broker } = cluster.running(1);
    const partition = broker.partitions.find("t", 0)!;
    const brokerEpoch = broker.image.cluster.broker(2)!.epoch;
    const asked = (replicaId: number, replicaEpoch: number, currentLeaderEpoch: number) => {
      const of = { partition: 0, currentLeaderEpoch, fetchOffset: 2, partitionMaxBytes: 1000 };
      const topics = [{ topicId, partitions: [of] }];
      const replicaState = { replicaId, replicaEpoch };
      const answer = cluster.ask(1, fetch, { ...FETCH, replicaState, topics });
      return answer.responses[0]!.partitions[0]!.errorCode;
    };
    // Two followers are away, and somebody says that they have what is not written there.
    for (const id of [2, 3]) cluster.node(id).freeze();
    const written = cluster.ask(1, produce, { ...records(topicId), acks: 1 });
    expect(errorOf(written)).toBe(ErrorCode.NONE);
    expect(partition.log.logEndOffset).toBe(2);
    expect([
      asked(STRANGER, NOBODY, 0),
      asked(STRANGER, 5, NOBODY),
      asked(2, brokerEpoch - 1, 0),
      asked(2, brokerEpoch, 7),
    ]).toEqual([
      ErrorCode.UNKNOWN_LEADER_EPOCH,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.UNKNOWN_LEADER_EPOCH,
    ]);
    expect([partition.log.highWatermark, [...partition.maximalIsr].sort()]).toEqual([1, IDS]);
    for (const id of [2, 3]) cluster.node(id).thaw();
    cluster.until(() => partition.log.highWatermark === 2);
  });

  test("in the epoch of a leader that is gone is fenced", () => {
    const { cluster, topicId } = started(THREE);
    cluster.stop(1);
    const of = { partition: 0, currentLeaderEpoch: 0, fetchOffset: 0, partitionMaxBytes: 1000 };
    const replicaState = { replicaId: 3, replicaEpoch: NOBODY };
    const topics = [{ topicId, partitions: [of] }];
    const answer = cluster.ask(2, fetch, { ...FETCH, replicaState, topics });
    expect(answer.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  });
});

describe("the quorum", () => {
  test("refuses another cluster, an old epoch, another directory and a snapshot it has not", () => {
    const { cluster } = started(THREE);
    // Into an epoch that has one before it.
    cluster.stop(cluster.activeId!);
    cluster.start();
    const leaderId = cluster.activeId!;
    const other = IDS.find((id) => id !== leaderId)!;
    const { raft } = cluster.running(other).broker.metadata;
    const leaderEpoch = raft.epoch;
    const before = [raft.epoch, raft.leaderId, raft.votedId];
    const voting = (of: {
      clusterId?: string;
      voterDirectoryId?: string;
      replicaEpoch?: number;
      preVote?: boolean;
    }) => {
      const { clusterId = CLUSTER_ID, ...own } = of;
      const one = { ...VOTE, replicaId: leaderId, replicaEpoch: leaderEpoch, ...own };
      const topics = [{ topicName: METADATA, partitions: [one] }];
      const answer = cluster.ask(other, vote, { clusterId, voterId: other, topics }, "controller");
      return answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode;
    };
    const claiming = (api: "begin" | "end", clusterId: string, epoch: number) => {
      const one = { partitionIndex: 0, leaderId, leaderEpoch: epoch };
      const topics = (partition: object) => [{ topicName: METADATA, partitions: [partition] }];
      const own = { clusterId, leaderEndpoints: [] };
      const answer =
        api === "begin"
          ? cluster.ask(
              other,
              beginQuorumEpoch,
              {
                ...own,
                voterId: other,
                topics: topics({ ...one, voterDirectoryId: ZERO_UUID }) as never,
              },
              "controller",
            )
          : cluster.ask(
              other,
              endQuorumEpoch,
              { ...own, topics: topics({ ...one, preferredCandidates: [] }) as never },
              "controller",
            );
      return answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode;
    };
    expect([
      voting({ clusterId: OTHER_CLUSTER }),
      voting({ voterDirectoryId: OTHER_DIRECTORY }),
      voting({ replicaEpoch: leaderEpoch - 1, preVote: true }),
    ]).toEqual([
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      ErrorCode.INVALID_VOTER_KEY,
      ErrorCode.FENCED_LEADER_EPOCH,
    ]);
    for (const api of ["begin", "end"] as const) {
      expect(claiming(api, OTHER_CLUSTER, leaderEpoch)).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
      expect(claiming(api, CLUSTER_ID, leaderEpoch - 1)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    }
    const fetching = (clusterId: string, currentLeaderEpoch: number) => {
      const of = { ...OF_METADATA, currentLeaderEpoch };
      const topics = [{ topicId: METADATA_TOPIC_ID, partitions: [of] }];
      const replicaState = { replicaId: other, replicaEpoch: NOBODY };
      const request = { ...FETCH, clusterId, replicaState, topics };
      const answer = cluster.ask(leaderId, fetch, request, "controller");
      return answer.errorCode || answer.responses[0]!.partitions[0]!.errorCode;
    };
    expect(fetching(OTHER_CLUSTER, leaderEpoch)).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
    expect(fetching(CLUSTER_ID, leaderEpoch - 1)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(fetching(CLUSTER_ID, leaderEpoch + 1)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    const snapshotting = (clusterId: string, currentLeaderEpoch: number) => {
      const snapshotId = { endOffset: 3, epoch: 1 };
      const of = { partition: 0, currentLeaderEpoch, snapshotId, position: 0 };
      const topics = [{ name: METADATA, partitions: [of] }];
      const answer = cluster.ask(leaderId, fetchSnapshot, { clusterId, topics }, "controller");
      return answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode;
    };
    expect(snapshotting(OTHER_CLUSTER, leaderEpoch)).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
    expect(snapshotting(CLUSTER_ID, leaderEpoch - 1)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(snapshotting(CLUSTER_ID, leaderEpoch)).toBe(ErrorCode.SNAPSHOT_NOT_FOUND);
    expect([raft.epoch, raft.leaderId, raft.votedId]).toEqual(before);
  });
});

describe("the controller", () => {
  test("refuses another cluster, a taken id, an old life and an old leadership", () => {
    const { cluster, topicId } = started(ONE_AND_THREE);
    const { epoch, directories } = cluster.image(11).cluster.broker(2)!;
    const before = cluster.image(11).topics.byName("t")!.partitions[0]!.partitionEpoch;
    const registering = (clusterId: string, incarnationId = OTHER_DIRECTORY) => {
      const request = { ...REGISTRATION, brokerId: 2, clusterId, incarnationId };
      return cluster.ask(11, brokerRegistration, request, "controller").errorCode;
    };
    expect(registering(OTHER_CLUSTER)).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
    expect(registering(CLUSTER_ID)).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
    const old = { brokerId: 2, brokerEpoch: epoch - 1 };
    const beat = { ...old, currentMetadataOffset: 0, wantFence: true, wantShutDown: true };
    const beating = cluster.ask(11, brokerHeartbeat, beat, "controller");
    expect(beating.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    const ids = cluster.ask(11, allocateProducerIds, old, "controller");
    expect(ids.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    const places = [{ topicId, partitions: [{ partitionIndex: 0 }] }];
    const assigning = (brokerEpoch: number, id: string) => {
      const request = { brokerId: 2, brokerEpoch, directories: [{ id, topics: places }] };
      const answer = cluster.ask(11, assignReplicasToDirs, request, "controller");
      const [first] = answer.directories;
      return answer.errorCode || first!.topics[0]!.partitions[0]!.errorCode;
    };
    expect(assigning(epoch - 1, directories[0]!)).toBe(ErrorCode.STALE_BROKER_EPOCH);
    const altering = (brokerId: number, brokerEpoch: number, leaderEpoch: number) => {
      const newIsrWithEpochs = [{ brokerId, brokerEpoch }];
      const one = { partitionIndex: 0, leaderEpoch, newIsrWithEpochs, partitionEpoch: before };
      const request = { brokerId, brokerEpoch, topics: [{ topicId, partitions: [one] }] };
      const answer = cluster.ask(11, alterPartition, request, "controller");
      return answer.errorCode || answer.topics[0]!.partitions[0]!.errorCode;
    };
    const leader = cluster.image(11).cluster.broker(1)!;
    expect(altering(1, leader.epoch - 1, 0)).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect(altering(1, leader.epoch, NOBODY)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(cluster.image(11).cluster.broker(2)?.fenced).toBe(false);
    expect(partitionOf(cluster, 11).isr).toEqual(IDS);
  });
});

describe("an old folder that is brought back", () => {
  test.each(["after a clean stop", "after a kill"])(
    "%s catches up, and leads nobody astray",
    (how) => {
      const { cluster, topicId } = started(ONE_AND_THREE);
      if (how === "after a kill") cluster.node(3).kill();
      else cluster.stop(3);
      const old = contentsOf(cluster.node(3).world.disk, "/data");
      cluster.start(3);
      cluster.until(() => partitionOf(cluster, 11).isr.length === 3);
      for (let count = 0; count < 5; count++) write(cluster, topicId, 1);
      cluster.ask(1, createTopics, creation("later"));
      cluster.node(3).kill();
      write(cluster, topicId, 1);
      putBack(cluster.node(3).world.disk, "/data", old);
      cluster.start(3);
      cluster.until(() => partitionOf(cluster, 11).isr.length === 3);
      cluster.until(() => cluster.running(3).broker.partitions.find("later", 0) !== null);
      write(cluster, topicId, 1);
      expect(bytesOf(cluster, 3).equals(bytesOf(cluster, 1))).toBe(true);
      expect(bytesOf(cluster, 2).equals(bytesOf(cluster, 1))).toBe(true);
    },
  );

  test.each(["whole", "without its topic's id"])(
    "%s, it serves no records of an older topic of that name",
    (how) => {
      const { cluster, topicId } = started(ONE_AND_THREE);
      cluster.node(3).kill();
      const { disk } = cluster.node(3).world;
      if (how !== "whole") disk.remove("/data/t-0/partition.metadata");
      cluster.until(() => partitionOf(cluster, 11).isr.length === 2);
      const asked = { topics: [{ name: null, topicId }], timeoutMs: 30_000 };
      expect(cluster.ask(1, deleteTopics, asked).responses[0]!.errorCode).toBe(ErrorCode.NONE);
      cluster.until(() => cluster.image(1).topics.byName("t") === null);
      cluster.ask(1, createTopics, creation("t"));
      cluster.start(3);
      cluster.until(() => partitionOf(cluster, 11).isr.length === 3);
      expect(bytesOf(cluster, 3)).toHaveLength(0);
      expect(disk.list("/data").filter((name) => /^t-0.*-stray$/.test(name))).toHaveLength(1);
    },
  );

  test("of a voter that then is asked to lead does not lose what others have", () => {
    const { cluster } = started(THREE);
    const late = IDS.find((id) => id !== cluster.activeId)!;
    cluster.stop(late);
    const old = contentsOf(cluster.node(late).world.disk, "/data");
    cluster.start(late);
    for (const name of ["a", "b"]) cluster.ask(cluster.activeId!, createTopics, creation(name));
    cluster.stop(late);
    putBack(cluster.node(late).world.disk, "/data", old);
    const gone = cluster.activeId!;
    cluster.node(gone).kill();
    const left = IDS.find((id) => id !== gone && id !== late)!;
    cluster.start(late);
    expect(cluster.activeId).toBe(left);
    cluster.until(() => cluster.image(late).topics.byName("b") !== null);
    cluster.start(gone);
  });
});

describe("a node", () => {
  test("whose only disk fails leaves in one line, and nothing is lost", () => {
    const { cluster, topicId } = started(ONE_AND_THREE);
    const failed = cluster.node(1);
    failed.world.disk.inject({ operation: "write", path: /^\/data\/t-0/, code: "EIO" });
    const written = cluster.asking(1, produce, records(topicId));
    cluster.until(() => failed.life?.hasFailed === true);
    expect(outcomeOf(cluster, written)).not.toBe(ErrorCode.NONE);
    expect(String(failed.life?.failure)).not.toContain("\n");
    failed.kill();
    cluster.until(() => partitionOf(cluster, 11).leader === 2);
    write(cluster, topicId, 2);
    expect(cluster.running(2).broker.partitions.find("t", 0)!.log.logEndOffset).toBe(2);
  });

  test.each(["before", "while"])(
    "that froze for 30 s is fenced, and acknowledges nothing of what it got %s that",
    (when) => {
      const { cluster, topicId } = started(ONE_AND_THREE);
      const { clock, wire } = cluster.client;
      const others = [2, 3].map(addressOf);
      if (when === "before") for (const other of others) wire.cut(addressOf(1), other);
      else cluster.node(1).freeze();
      const late = cluster.asking(1, produce, records(topicId));
      clock.advance(100);
      cluster.node(1).freeze();
      clock.advance(30_000);
      expect(cluster.image(11).cluster.broker(1)?.fenced).toBe(true);
      expect(partitionOf(cluster, 11).leader).toBe(2);
      write(cluster, topicId, 2);
      cluster.node(1).thaw();
      for (const other of others) wire.heal(addressOf(1), other);
      expect(outcomeOf(cluster, late)).not.toBe(ErrorCode.NONE);
      cluster.until(() => cluster.image(11).cluster.broker(1)?.fenced === false);
      cluster.until(() => partitionOf(cluster, 11).isr.length === 3);
      write(cluster, topicId, 2);
      expect(cluster.running(2).broker.partitions.find("t", 0)!.log.logEndOffset).toBe(3);
      expect(bytesOf(cluster, 1).equals(bytesOf(cluster, 2))).toBe(true);
    },
  );
});

const FETCH = { maxWaitMs: 0, minBytes: 0, sessionEpoch: -1, forgottenTopicsData: [] };
const OF_METADATA = { partition: 0, fetchOffset: 0, lastFetchedEpoch: 0, partitionMaxBytes: 1000 };
const VOTE = {
  partitionIndex: 0,
  replicaDirectoryId: ZERO_UUID,
  voterDirectoryId: ZERO_UUID,
  lastOffsetEpoch: 0,
  lastOffset: 1_000_000,
  preVote: false,
};
const REGISTRATION = { listeners: [], features: [], rack: null, logDirs: [OTHER_DIRECTORY] };

/** A topic whose first replica leads, with one record that all have. */
function started(plans: readonly NodePlan[]) {
  const cluster = new RoleCluster(plans);
  cluster.start();
  const { topicId } = cluster.ask(1, createTopics, creation("t")).topics[0]!;
  const known = cluster.activeId!;
  cluster.until(() => partitionOf(cluster, known).isr.length === 3);
  write(cluster, topicId, 1);
  return { cluster, topicId };
}

function creation(name: string) {
  const assignments = [{ partitionIndex: 0, brokerIds: IDS }];
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  return { topics: [topic], timeoutMs: 30_000, validateOnly: false };
}

function records(topicId: string) {
  const record = { timestamp: FAKE_WALL_MS, key: null, value: Buffer.from("v") };
  const partitionData = [{ index: 0, records: buildBatch({ records: [record] }) }];
  return { acks: -1, timeoutMs: 60_000, topicData: [{ topicId, name: "t", partitionData }] };
}

function write(cluster: RoleCluster, topicId: string, id: number): void {
  expect(errorOf(cluster.ask(id, produce, records(topicId)))).toBe(ErrorCode.NONE);
}

interface Produced {
  readonly responses: readonly {
    readonly partitionResponses: readonly { readonly errorCode: number }[];
  }[];
}

function errorOf({ responses }: Produced): number {
  return responses[0]!.partitionResponses[0]!.errorCode;
}

/** Null where the connection ended before. */
function outcomeOf(cluster: RoleCluster, asked: Promise<Produced | NodeError>): number | null {
  const answer = cluster.client.clock.await(asked);
  return answer instanceof NodeError ? null : errorOf(answer);
}

function partitionOf(cluster: RoleCluster, id: number) {
  return cluster.image(id).topics.byName("t")!.partitions[0]!;
}

/** The segment as it lies there. */
function bytesOf(cluster: RoleCluster, id: number): Buffer {
  return cluster.node(id).world.disk.peek("/data/t-0/00000000000000000000.log")!;
}

/** Each file; null for a folder. */
function contentsOf(disk: FakeDisk, path: string, into = new Map<string, Buffer | null>()) {
  for (const name of disk.peekNames(path)) {
    const inner = `${path}/${name}`;
    const bytes = disk.peek(inner);
    into.set(inner, bytes === null ? null : Buffer.from(bytes));
    if (bytes === null) contentsOf(disk, inner, into);
  }
  return into;
}

function putBack(disk: FakeDisk, path: string, contents: Map<string, Buffer | null>): void {
  disk.removeTree(path);
  disk.makeDirectory(path);
  for (const [inner, bytes] of contents) {
    if (bytes === null) disk.makeDirectory(inner);
    else {
      const file = disk.open(inner, "create");
      file.write(bytes, 0, bytes.length, 0);
      file.syncNow();
      file.close();
    }
  }
}
