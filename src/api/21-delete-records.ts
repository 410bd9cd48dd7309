/**
 * DeleteRecords: v0-2 (KIP-107).
 *
 * - Moves the start of a partition's log, and answers when it has moved on all replicas that are
 *   alive; -1 deletes all that is committed. Whole segments before it go with the next retention.
 * - Refused where only compaction may remove records, and for Kafka's own topics.
 */
import { Slices } from "../base/slices.ts";
import type { Broker } from "../broker/broker.ts";
import { findPartition } from "../broker/find-partition.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { deleteRecords } from "../protocol/messages/21-delete-records.ts";
import type { Input } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type TopicAnswer = Input<typeof deleteRecords.response>["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** As an offset: up to there. */
const HIGH_WATERMARK = -1;
const NO_LOW_WATERMARK = -1;

export const deleteRecordsHandler = handler(deleteRecords, async (request, _context, broker) => {
  const slices = new Slices(broker.world.clock);
  /** A partition that is named twice counts as it was named last. */
  const offsets = new Map<string, Map<number, number>>();
  for (const { name, partitions } of request.topics) {
    if (partitions.length === 0) continue;
    const byIndex = offsets.get(name) ?? new Map<number, number>();
    offsets.set(name, byIndex);
    for (const { partitionIndex, offset } of partitions) byIndex.set(partitionIndex, offset);
    if (slices.isOver) await slices.next();
  }
  const topics: { name: string; partitions: (PartitionAnswer | Promise<PartitionAnswer>)[] }[] = [];
  for (const [name, byIndex] of offsets) {
    const partitions = await slices.map([...byIndex], ([partitionIndex, offset]) => {
      const deleted = tryDelete(name, partitionIndex, offset, broker);
      return answerOf(partitionIndex, deleted, request.timeoutMs);
    });
    topics.push({ name, partitions });
  }
  const answers: TopicAnswer[] = [];
  for (const { name, partitions } of topics) {
    answers.push({ name, partitions: await Promise.all(partitions) });
    if (slices.isOver) await slices.next();
  }
  return { topics: answers };
});

function answerOf(
  partitionIndex: number,
  deleted: Deleted | ErrorCode,
  timeoutMs: number,
): PartitionAnswer | Promise<PartitionAnswer> {
  if (typeof deleted === "number") {
    return { partitionIndex, errorCode: deleted, lowWatermark: NO_LOW_WATERMARK };
  }
  const { lowWatermark } = deleted.partition;
  if (lowWatermark < deleted.before) return whenDeleted(partitionIndex, deleted, timeoutMs);
  return { partitionIndex, errorCode: ErrorCode.NONE, lowWatermark };
}

/** The records are gone on all replicas that are alive. */
async function whenDeleted(
  partitionIndex: number,
  { partition, before }: Deleted,
  timeoutMs: number,
): Promise<PartitionAnswer> {
  const { lowWatermark } = partition;
  const errorCode = await partition.whenDeleted(before, timeoutMs);
  if (errorCode === ErrorCode.NONE) {
    return { partitionIndex, errorCode, lowWatermark: partition.lowWatermark };
  }
  // As Kafka: out of time it tells how far it was when it began to wait.
  const isLate = errorCode === ErrorCode.REQUEST_TIMED_OUT;
  return { partitionIndex, errorCode, lowWatermark: isLate ? lowWatermark : NO_LOW_WATERMARK };
}

interface Deleted {
  readonly partition: Partition;
  readonly before: number;
}

/** What is gone on this node. */
function tryDelete(
  topic: string,
  index: number,
  offset: number,
  broker: Broker,
): Deleted | ErrorCode {
  const partition = findPartition(broker, topic, index);
  if (partition === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return partition;
  if (isInternalTopic(topic)) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  if (typeof partition === "number") return partition;
  const refused = partition.leaderError();
  if (refused !== ErrorCode.NONE) return refused;
  const { log } = partition;
  const { cleanupPolicy } = log.config;
  if (cleanupPolicy.includes("compact") && !cleanupPolicy.includes("delete")) {
    return ErrorCode.POLICY_VIOLATION;
  }
  const before = offset === HIGH_WATERMARK ? log.highWatermark : offset;
  if (before < 0) return ErrorCode.OFFSET_OUT_OF_RANGE;
  const failed = log.advanceLogStartOffset(before);
  return failed === ErrorCode.NONE ? { partition, before } : failed;
}
