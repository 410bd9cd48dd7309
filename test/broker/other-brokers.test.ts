/** What a broker says of the others, and of partitions that they lead. */
import { describe, expect, test } from "bun:test";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { offsetForLeaderEpoch } from "../../src/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeConfigs } from "../../src/protocol/messages/32-describe-configs.ts";
import { alterReplicaLogDirs } from "../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { describeCluster } from "../../src/protocol/messages/60-describe-cluster.ts";
import { describeProducers } from "../../src/protocol/messages/61-describe-producers.ts";
import { describeTopicPartitions } from "../../src/protocol/messages/75-describe-topic-partitions.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { FAKE_WALL_MS } from "../sim/fake-clock.ts";
import { Neighbours } from "./neighbours.ts";

const {
  INVALID_REQUEST,
  LEADER_NOT_AVAILABLE,
  LISTENER_NOT_FOUND,
  NONE,
  NOT_LEADER_OR_FOLLOWER,
  REPLICA_NOT_AVAILABLE,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
} = ErrorCode;
const HERE = 1;
const BROKER = 4;
const NO_OPERATIONS = { includeClusterAuthorizedOperations: false };

/** Asked of broker 1: `here` has replicas everywhere, `there` none on it; 2 leads both. */
function arena() {
  const brokers = new Neighbours(3);
  const here = brokers.topic("here", [2], [1, 2, 3]);
  const there = brokers.topic("there", [2], [2, 3]);
  return { brokers, here, there };
}

function fence({ brokers }: ReturnType<typeof arena>, brokerId: number, fenced: 1 | -1): void {
  brokers.tell(
    (id) => {
      const { epoch: brokerEpoch } = brokers.broker(id).image.cluster.broker(brokerId)!;
      const value = { brokerId, brokerEpoch, fenced };
      return [{ name: "BrokerRegistrationChangeRecord", version: 1, value }];
    },
    [HERE],
  );
}

describe("metadata", () => {
  test("names all brokers that are there, leaders and who is away", () => {
    const all = arena();
    const { brokers } = all;
    const ask = (version = 12) => {
      const topics = [{ name: "there" }];
      const answer = brokers.ask(HERE, metadata, version, { topics });
      const { errorCode, leaderId, offlineReplicas } = answer.topics[0]!.partitions[0]!;
      const hosts = answer.brokers.map(({ nodeId, host }) => `${nodeId} ${host}`).sort();
      return { hosts, errorCode, leaderId, offlineReplicas };
    };
    const hosts = ["1 10.0.0.1", "2 10.0.0.2", "3 10.0.0.3"];
    expect(ask()).toEqual({ hosts, errorCode: NONE, leaderId: 2, offlineReplicas: [] });
    fence(all, 3, 1);
    expect(ask()).toMatchObject({ hosts: hosts.slice(0, 2), offlineReplicas: [3] });
    brokers.lead(all.there, 0, -1);
    expect(ask()).toMatchObject({ errorCode: LEADER_NOT_AVAILABLE, leaderId: -1 });
    brokers.stop();
  });

  test("says where a leader has not the listener of the client", () => {
    const { brokers, there } = arena();
    brokers.tell(() => {
      const known = brokers.broker(HERE).image.cluster.broker(2)!;
      const value = {
        brokerId: 2,
        incarnationId: known.incarnationId,
        brokerEpoch: known.epoch,
        endPoints: [{ name: "OTHER", host: "10.0.0.2", port: 1, securityProtocol: 0 }],
        features: [],
        rack: null,
        fenced: false,
        logDirs: [...known.directories],
      };
      return [{ name: "RegisterBrokerRecord", version: 3, value }];
    }, [HERE]);
    for (const [version, error] of [
      [12, LISTENER_NOT_FOUND],
      [5, LEADER_NOT_AVAILABLE],
    ] as const) {
      const answer = brokers.ask(HERE, metadata, version, { topics: [{ name: "there" }] });
      expect<number>(answer.topics[0]!.partitions[0]!.errorCode).toBe(error);
      expect(answer.brokers.map(({ nodeId }) => nodeId).sort()).toEqual([1, 3]);
    }
    const request = { topics: [{ name: "there" }], responsePartitionLimit: 10, cursor: null };
    const described = brokers.ask(HERE, describeTopicPartitions, 0, request);
    expect(described.topics[0]!.partitions[0]).toMatchObject({
      errorCode: NONE,
      leaderId: -1,
      offlineReplicas: [2],
    });
    expect(there).not.toBe("");
    brokers.stop();
  });

  test("of the cluster names fenced brokers where they are asked for", () => {
    const all = arena();
    fence(all, 3, 1);
    const ask = (includeFencedBrokers: boolean) =>
      all.brokers
        .ask(HERE, describeCluster, 2, { ...NO_OPERATIONS, includeFencedBrokers })
        .brokers.map(({ brokerId, isFenced }) => `${brokerId} ${isFenced}`)
        .sort();
    expect(ask(false)).toEqual(["1 false", "2 false"]);
    expect(ask(true)).toEqual(["1 false", "2 false", "3 true"]);
    all.brokers.stop();
  });

  test("of a coordinator is that of the broker that leads, while it is there", () => {
    const all = arena();
    all.brokers.topic("__consumer_offsets", [3]);
    const ask = () => {
      const request = { keyType: 0, coordinatorKeys: ["g"] };
      return all.brokers.ask(HERE, findCoordinator, 4, request).coordinators[0]!;
    };
    expect(ask()).toMatchObject({ nodeId: 3, host: "10.0.0.3", errorCode: NONE });
    fence(all, 3, 1);
    expect(ask()).toMatchObject({ nodeId: -1, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE });
    all.brokers.stop();
  });
});

describe("a partition that another leads", () => {
  test("is not produced to; the client is told where to go (KIP-951)", () => {
    const all = arena();
    const { brokers, here, there } = all;
    const ask = (version: number, name: string, topicId: string, index = 0) => {
      const records = buildBatch({
        records: [{ timestamp: FAKE_WALL_MS, key: null, value: Buffer.from("v") }],
      });
      const topic = version >= 13 ? { topicId } : { name };
      const partitionData = [{ index, records }];
      const request = { acks: -1, timeoutMs: 1000, topicData: [{ ...topic, partitionData }] };
      const answer = brokers.ask(HERE, produce, version, request);
      const { errorCode, currentLeader } = answer.responses[0]!.partitionResponses[0]!;
      const told = answer.nodeEndpoints.map(({ nodeId, host }) => `${nodeId} ${host}`);
      return { errorCode: errorCode as ErrorCode, leaderId: currentLeader?.leaderId, told };
    };
    const moved = { errorCode: NOT_LEADER_OR_FOLLOWER, leaderId: 2, told: ["2 10.0.0.2"] };
    for (const version of [10, 12, 13]) {
      expect(ask(version, "here", here)).toEqual(moved);
      expect(ask(version, "there", there)).toEqual(moved);
    }
    expect(ask(9, "there", there)).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER, told: [] });
    expect(ask(12, "there", there, 5).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(ask(13, "there", there, 5).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(ask(13, "", "AAAAAAAAAAAAAAAAAAAAEg").errorCode).toBe(UNKNOWN_TOPIC_ID);
    fence(all, 2, 1);
    expect(ask(12, "there", there)).toEqual({ ...moved, told: [] });
    brokers.stop();
  });

  test("is not asked about here", () => {
    const { brokers } = arena();
    for (const name of ["here", "there"]) {
      const offsets = brokers.ask(HERE, listOffsets, 7, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
      });
      expect<number>(offsets.topics[0]!.partitions[0]!.errorCode).toBe(NOT_LEADER_OR_FOLLOWER);
      const partitions = [{ partitionIndex: 0, offset: 0 }];
      const deletion = { topics: [{ name, partitions }], timeoutMs: 1000 };
      const deleted = brokers.ask(HERE, deleteRecords, 2, deletion);
      expect<number>(deleted.topics[0]!.partitions[0]!.errorCode).toBe(NOT_LEADER_OR_FOLLOWER);
      const query = { partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 };
      const ends = brokers.ask(HERE, offsetForLeaderEpoch, 4, {
        replicaId: -1,
        topics: [{ topic: name, partitions: [query] }],
      });
      expect<number>(ends.topics[0]!.partitions[0]!.errorCode).toBe(NOT_LEADER_OR_FOLLOWER);
    }
    // Each replica knows the producers of what it has.
    const topics = ["here", "there"].map((name) => ({ name, partitionIndexes: [0] }));
    const producers = brokers.ask(HERE, describeProducers, 0, { topics });
    expect(producers.topics.map(({ partitions }) => partitions[0]!.errorCode as ErrorCode)).toEqual(
      [NONE, NOT_LEADER_OR_FOLLOWER],
    );
    const dirs = [{ path: "/data", topics: [{ name: "there", partitions: [0] }] }];
    const moved = brokers.ask(HERE, alterReplicaLogDirs, 2, { dirs });
    expect<number>(moved.results[0]!.partitions[0]!.errorCode).toBe(REPLICA_NOT_AVAILABLE);
    brokers.stop();
  });
});

test("the settings of another broker are asked of that one", () => {
  const { brokers } = arena();
  const ask = (resourceName: string) =>
    brokers.ask(HERE, describeConfigs, 4, {
      resources: [{ resourceType: BROKER, resourceName, configurationKeys: ["node.id"] }],
    }).results[0]!;
  expect(ask("2")).toMatchObject({
    errorCode: INVALID_REQUEST,
    errorMessage: "Unexpected broker id, expected 1 or empty string, but received 2",
  });
  expect(ask("1").configs[0]!.value).toBe("1");
  brokers.stop();
});
