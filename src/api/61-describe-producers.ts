/**
 * DescribeProducers: v0 (KIP-664).
 *
 * - The idempotent and transactional producers that a partition remembers, and where the oldest
 *   open transaction of each begins.
 */
import type { Broker } from "../broker/broker.ts";
import { findPartition } from "../broker/find-partition.ts";
import { type Refusal, refusal } from "../metadata/controller/command.ts";
import { topicNameError } from "../metadata/topic-name.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeProducers } from "../protocol/messages/61-describe-producers.ts";
import type { Input } from "../protocol/schema.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler } from "./handler.ts";

type PartitionAnswer = Input<
  typeof describeProducers.response
>["topics"][number]["partitions"][number];

export const describeProducersHandler = handler(describeProducers, (request, _context, broker) => {
  const topics = request.topics.map(({ name, partitionIndexes }) => {
    const refused = reasonAgainst(name, broker);
    const partitions = partitionIndexes.map((index) =>
      refused === null
        ? describe(name, index, broker)
        : failed(index, refused.errorCode, refused.errorMessage),
    );
    return { name, partitions };
  });
  return { topics };
});

function reasonAgainst(topic: string, { image }: Broker): Refusal | null {
  const invalidName = topicNameError(topic);
  if (invalidName !== null) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, invalidName);
  if (image.topics.byName(topic) !== null) return null;
  const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return refusal(errorCode, errorText(errorCode));
}

function describe(topic: string, partitionIndex: number, broker: Broker): PartitionAnswer {
  const partition = findPartition(broker, topic, partitionIndex);
  if (typeof partition === "number") return failed(partitionIndex, partition, null);
  const activeProducers = partition.log.activeProducers().map((producer) => ({
    producerId: producer.producerId,
    producerEpoch: producer.epoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: producer.lastTimestamp,
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: producer.transactionFirstOffset,
  }));
  return { partitionIndex, errorCode: ErrorCode.NONE, activeProducers };
}

function failed(
  partitionIndex: number,
  errorCode: ErrorCode,
  errorMessage: string | null,
): PartitionAnswer {
  return { partitionIndex, errorCode, errorMessage, activeProducers: [] };
}
