/** A produce request beside what is answered to it. */
import type { Broker } from "../broker/broker.ts";
import type { Conversion } from "../log/append-result.ts";
import type { GatheredAppends } from "../partition/gathered-appends.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { produce } from "../protocol/messages/00-produce.ts";
import type { Input, Value } from "../protocol/schema.ts";
import type { Body, RequestContext } from "./handler.ts";

export type ProduceRequest = Value<typeof produce.request>;
export type TopicData = ProduceRequest["topicData"][number];
export type PartitionData = TopicData["partitionData"][number];
export type ProduceResponse = Body<Input<typeof produce.response>>;
type PartitionAnswer = ProduceResponse["responses"][number]["partitionResponses"][number];

/** A request, and what is answered to it so far. */
export interface Produced {
  readonly topics: readonly TopicData[];
  /** One for each of `topics`, in their order; so are the partitions. */
  readonly responses: { name: string; topicId: string; partitionResponses: Answer[] }[];
  readonly request: ProduceRequest;
  readonly context: RequestContext;
  readonly broker: Broker;
  /** Null where each partition is written at once. */
  gathered: GatheredAppends | null;
  /** Of all partitions so far; null where none had any. */
  conversion: Conversion | null;
}

/** One shape for every partition's answer; the error is filled in as it is found. */
export class Answer implements PartitionAnswer {
  errorCode: ErrorCode = ErrorCode.NONE;
  baseOffset = -1;
  logAppendTimeMs = -1;
  logStartOffset = -1;
  recordErrors: { batchIndex: number; batchIndexErrorMessage: string }[] = NO_RECORD_ERRORS;
  errorMessage: string | null = null;
  currentLeader: { leaderId: number; leaderEpoch: number } | undefined = undefined;
  /** Its records are written with others of this turn: only then is it known that they are. */
  gatheredIn: Partition | null = null;

  constructor(readonly index: number) {}
}

const NO_RECORD_ERRORS: { batchIndex: number; batchIndexErrorMessage: string }[] = [];

/** Kafka keeps partitions in a map: the last of those that are named twice counts. */
export function withoutRepeats(topics: readonly TopicData[]): readonly TopicData[] {
  if (!hasRepeats(topics)) return topics;
  const merged = new Map<string, Map<number, PartitionData>>();
  const first = new Map<string, TopicData>();
  for (const topic of topics) {
    const key = `${topic.topicId} ${topic.name}`;
    if (!first.has(key)) first.set(key, topic);
    const partitions = merged.get(key) ?? new Map<number, PartitionData>();
    merged.set(key, partitions);
    for (const data of topic.partitionData) partitions.set(data.index, data);
  }
  return [...first].map(([key, topic]) => {
    return { ...topic, partitionData: [...merged.get(key)!.values()] };
  });
}

function hasRepeats(topics: readonly TopicData[]): boolean {
  if (topics.length > 1) {
    const keys = new Set<string>();
    for (const { topicId, name } of topics) keys.add(`${topicId} ${name}`);
    if (keys.size < topics.length) return true;
  }
  for (const { partitionData } of topics) {
    if (isAscending(partitionData)) continue;
    const indexes = new Set<number>();
    for (const { index } of partitionData) indexes.add(index);
    if (indexes.size < partitionData.length) return true;
  }
  return false;
}

/** The ordinary case, and one that needs no set. */
function isAscending(partitionData: readonly PartitionData[]): boolean {
  for (let at = 1; at < partitionData.length; at++) {
    if (partitionData[at]!.index <= partitionData[at - 1]!.index) return false;
  }
  return true;
}

/** The whole request is refused. */
export function failAll(
  { responses }: Produced,
  errorCode: ErrorCode,
  message: string | null,
): void {
  for (const { partitionResponses } of responses) {
    for (const answer of partitionResponses) {
      answer.errorCode = errorCode;
      answer.errorMessage = message;
    }
  }
}

export function addConversion(produced: Produced, added: Conversion): void {
  const sum = produced.conversion ?? NO_CONVERSION;
  produced.conversion = {
    recordCount: sum.recordCount + added.recordCount,
    tookMs: sum.tookMs + added.tookMs,
    temporaryBytes: sum.temporaryBytes + added.temporaryBytes,
  };
}

const NO_CONVERSION: Conversion = { recordCount: 0, tookMs: 0, temporaryBytes: 0 };

/** From here on topics are named by their ids (KIP-516). */
export const TOPIC_IDS_VERSION = 13;

type NamedTopic = Pick<TopicData, "name" | "topicId">;

/** Null when the cluster has no such topic. */
export function topicImageOf(
  { name, topicId }: NamedTopic,
  { apiVersion }: RequestContext,
  { image }: Broker,
): TopicImage | null {
  return apiVersion >= TOPIC_IDS_VERSION ? image.topics.byId(topicId) : image.topics.byName(name);
}

/** Null when this node has none of it. */
export function knownTopic(
  { name, topicId }: NamedTopic,
  { apiVersion }: RequestContext,
  { partitions }: Broker,
) {
  return apiVersion >= TOPIC_IDS_VERSION
    ? partitions.topicById(topicId)
    : partitions.topicByName(name);
}
