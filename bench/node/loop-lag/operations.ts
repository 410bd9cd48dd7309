/** Requests that ask a node for much at once. */
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../../src/protocol/messages/02-list-offsets.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { deleteRecords } from "../../../src/protocol/messages/21-delete-records.ts";
import { offsetForLeaderEpoch } from "../../../src/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { describeLogDirs } from "../../../src/protocol/messages/35-describe-log-dirs.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { describeTopicPartitions } from "../../../src/protocol/messages/75-describe-topic-partitions.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { retried } from "../../kit/retried.ts";
import { sampleText } from "../../kit/sample-text.ts";
import { frameOf, type RawConnection } from "../../kit/raw-connection.ts";

const TOPIC = 2;
const SET = 0;
const LATEST = -1;
const GROUP = "loop-lag";

export interface Shape {
  readonly topics: readonly string[];
  readonly partitionCount: number;
}

type Operation = (connection: RawConnection, shape: Shape) => Promise<unknown>;

function indexesOf({ partitionCount }: Shape): number[] {
  return Array.from({ length: partitionCount }, (_, index) => index);
}

export const create: Operation = async (connection, { topics, partitionCount }) => {
  const answer = await connection.ask(createTopics, 7, {
    topics: topics.map((name) => ({
      name,
      numPartitions: partitionCount,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 60_000,
  });
  const failed = answer.topics.find(({ errorCode }) => errorCode !== 0);
  if (failed !== undefined) throw new Error(`${failed.name}: ${failed.errorMessage}`);
};

/** The same records to each partition. */
export const produceToAll: Operation = (connection, shape) => {
  const value = Buffer.alloc(100, "bunka");
  const records = buildBatch({
    records: [{ timestamp: Date.now(), key: null, value }],
    producerId: 4000,
    producerEpoch: 0,
    baseSequence: 0,
  });
  const indexes = indexesOf(shape);
  return connection.exchange(
    frameOf(produce, 7, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: shape.topics.map((name) => ({
        name,
        partitionData: indexes.map((index) => ({ index, records })),
      })),
    }),
  );
};

function listAll(connection: RawConnection, shape: Shape, timestamp: number) {
  return connection.ask(listOffsets, 7, {
    replicaId: -1,
    topics: shape.topics.map((name) => ({
      name,
      partitions: indexesOf(shape).map((partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  });
}

export async function areLed(connection: RawConnection, shape: Shape): Promise<boolean> {
  const { topics } = await listAll(connection, shape, LATEST);
  return topics.every(({ partitions }) => partitions.every(({ errorCode }) => errorCode === 0));
}

/** In the order in which they are run. */
export const READS: Readonly<Record<string, Operation>> = {
  "Metadata of all": (connection) => connection.ask(metadata, 12, { topics: null }),
  "ListOffsets of all": (connection, shape) => listAll(connection, shape, LATEST),
  "ListOffsets of all, by time": (connection, shape) => listAll(connection, shape, 1),
  DescribeTopicPartitions: (connection, { topics }) =>
    connection.ask(describeTopicPartitions, 0, { topics: topics.map((name) => ({ name })) }),
  "DescribeConfigs of all": (connection, { topics }) =>
    connection.ask(describeConfigs, 4, {
      resources: topics.map((resourceName) => ({
        resourceType: TOPIC,
        resourceName,
        configurationKeys: null,
      })),
      includeSynonyms: true,
      includeDocumentation: true,
    }),
  DescribeLogDirs: (connection) => connection.ask(describeLogDirs, 4, { topics: null }),
  "Fetch of all": (connection, shape) =>
    connection.ask(fetch, 12, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 50 << 20,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: shape.topics.map((topic) => ({
        topic,
        partitions: indexesOf(shape).map((partition) => ({
          partition,
          fetchOffset: 0,
          partitionMaxBytes: 1 << 20,
        })),
      })),
      forgottenTopicsData: [],
    }),
  "OffsetForLeaderEpoch of all": (connection, shape) =>
    connection.ask(offsetForLeaderEpoch, 3, {
      topics: shape.topics.map((topic) => ({
        topic,
        partitions: indexesOf(shape).map((partition) => ({ partition, leaderEpoch: 0 })),
      })),
    }),
  "OffsetCommit of all": (connection, shape) =>
    connection.ask(offsetCommit, 7, {
      groupId: GROUP,
      memberId: "",
      topics: shape.topics.map((name) => ({
        name,
        partitions: indexesOf(shape).map((partitionIndex) => ({
          partitionIndex,
          committedOffset: 1,
          committedMetadata: "",
        })),
      })),
    }),
  "OffsetFetch of all": (connection) =>
    connection.ask(offsetFetch, 8, { groups: [{ groupId: GROUP, topics: null }] }),
  "IncrementalAlterConfigs of all": (connection, { topics }) =>
    connection.ask(incrementalAlterConfigs, 1, {
      resources: topics.map((resourceName) => ({
        resourceType: TOPIC,
        resourceName,
        configs: [{ name: "retention.ms", configOperation: SET, value: "86400000" }],
      })),
      validateOnly: false,
    }),
  "DeleteRecords of all": (connection, shape) =>
    connection.ask(deleteRecords, 2, {
      topics: shape.topics.map((name) => ({
        name,
        partitions: indexesOf(shape).map((partitionIndex) => ({ partitionIndex, offset: 1 })),
      })),
      timeoutMs: 30_000,
    }),
};

export const remove: Operation = (connection, { topics }) =>
  connection.ask(deleteTopics, 5, {
    topicNames: [...topics],
    timeoutMs: 60_000,
  });

/** One record of so many bytes of text. */
export function produceText(connection: RawConnection, topic: string, size: number) {
  const value = sampleText(size);
  const records = buildBatch({ records: [{ timestamp: Date.now(), key: null, value }] });
  const request = {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  };
  return connection.ask(produce, 7, request);
}

/** Its coordinator may have to be made first. */
export function findGroup(connection: RawConnection, groupId: string): Promise<void> {
  return retried(async () => {
    const request = { coordinatorKeys: [groupId] };
    const { coordinators } = await connection.ask(findCoordinator, 4, request);
    return coordinators[0]!.errorCode;
  });
}

/** One more member of a group that has subscribed to all. */
export function join(
  connection: RawConnection,
  groupId: string,
  memberId: string,
  topics: readonly string[],
): Promise<void> {
  return retried(async () => {
    const answer = await connection.ask(consumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 300_000,
      subscribedTopicNames: [...topics],
      topicPartitions: [],
    });
    return answer.errorCode;
  });
}
