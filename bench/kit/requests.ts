/** Requests of the sections, encoded before anything is measured. */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { decode } from "../../src/protocol/compile.ts";
import { frameOf } from "./raw-connection.ts";

const CREATE_TOPICS_VERSION = 4;
const PRODUCE_VERSION = 7;
const ALL = -1;
const RESPONSE_HEADER_SIZE = 8;

/** Of a broker that has just started. */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.INVALID_REPLICATION_FACTOR,
]);

export function createTopicFrame(name: string, partitions: number): Buffer {
  return frameOf(createTopics, CREATE_TOPICS_VERSION, {
    topics: [
      { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] },
    ],
    timeoutMs: 10_000,
  });
}

/** The same records to each partition of a topic. */
export function produceFrame(
  topic: string,
  partitions: number,
  recordCount: number,
  valueBytes: number,
): Buffer {
  const value = Buffer.alloc(valueBytes, "bunka");
  const record = { timestamp: Date.now(), key: null, value };
  const records = buildBatch({ records: Array.from({ length: recordCount }, () => record) });
  return frameOf(produce, PRODUCE_VERSION, {
    acks: ALL,
    timeoutMs: 30_000,
    topicData: [
      {
        name: topic,
        partitionData: Array.from({ length: partitions }, (_, index) => ({ index, records })),
      },
    ],
  });
}

export function checkTopicCreated(answer: Buffer): void {
  const errorCode = topicErrorOf(answer);
  if (errorCode !== ErrorCode.NONE) throw new Error(`the topic was not made: ${errorCode}`);
}

/** False while the broker has not found its place in the cluster. */
export function isTopicCreated(answer: Buffer): boolean {
  const errorCode = topicErrorOf(answer);
  if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return true;
  if (PASSING.has(errorCode)) return false;
  throw new Error(`the topic was not made: ${errorCode}`);
}

export interface CheckProducedOptions {
  /** It may not know yet that it leads the partition: then this is false, and no failure. */
  readonly mayBeTooEarly?: boolean;
}

export function checkProduced(answer: Buffer, options: CheckProducedOptions = {}): boolean {
  const body = answer.subarray(RESPONSE_HEADER_SIZE);
  const { responses } = decode(produce.response, PRODUCE_VERSION, body);
  const answers = responses.flatMap(({ partitionResponses }) => partitionResponses);
  const failed = answers.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  if (answers.length > 0 && failed === undefined) return true;
  if (options.mayBeTooEarly && PASSING.has(failed?.errorCode ?? ErrorCode.NONE)) return false;
  throw new Error(`the records were not taken: ${failed?.errorCode ?? "no answer"}`);
}

function topicErrorOf(answer: Buffer): number {
  const body = answer.subarray(RESPONSE_HEADER_SIZE);
  const { topics } = decode(createTopics.response, CREATE_TOPICS_VERSION, body);
  return topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
}
