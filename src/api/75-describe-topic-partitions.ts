/**
 * DescribeTopicPartitions: v0 (KIP-966).
 *
 * - Topics in alphabetical order, or all of them, from the cursor on; at most
 *   `max.request.partition.size.limit` partitions in one answer, then a cursor to go on from.
 */
import { Slices } from "../base/slices.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import { OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from "../broker/authorized-operations.ts";
import type { Broker } from "../broker/broker.ts";
import { partitionView, type ViewOptions } from "../broker/topic-view.ts";
import { absentTopicError } from "../metadata/topic-name.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeTopicPartitions } from "../protocol/messages/75-describe-topic-partitions.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { type Body, handler } from "./handler.ts";

type DescribeRequest = Value<typeof describeTopicPartitions.request>;
type DescribeResponse = Body<Input<typeof describeTopicPartitions.response>>;
type TopicAnswer = DescribeResponse["topics"][number];

export const describeTopicPartitionsHandler = handler(
  describeTopicPartitions,
  async (request, context, broker) => {
    const { cursor } = request;
    const names = wantedNames(request, broker);
    const isCursorWrong =
      cursor !== null &&
      (cursor.partitionIndex < 0 ||
        (request.topics.length > 0 && !names.includes(cursor.topicName)));
    if (isCursorWrong) {
      const refused = request.topics.map((topic) =>
        failed(ErrorCode.INVALID_REQUEST, topic.name, OPERATIONS_NOT_ASKED),
      );
      return { topics: refused, nextCursor: null };
    }
    const options = {
      listenerName: context.listenerName,
      hidesOfflineReplicas: false,
      namesMissingListener: true,
    };
    const limit = Math.min(
      broker.settings.get("max.request.partition.size.limit"),
      request.responsePartitionLimit,
    );
    return describe(names, request, broker, options, Math.max(limit, 1));
  },
);

function wantedNames(request: DescribeRequest, broker: Broker): string[] {
  const all =
    request.topics.length === 0
      ? [...broker.image.topics.values()].map((topic) => topic.name)
      : request.topics.map((topic) => topic.name);
  const from = request.cursor?.topicName ?? "";
  return [...new Set(all)].filter((name) => name >= from).sort();
}

async function describe(
  names: readonly string[],
  request: DescribeRequest,
  broker: Broker,
  options: ViewOptions,
  limit: number,
): Promise<DescribeResponse> {
  const slices = new Slices(broker.world.clock);
  const topics: TopicAnswer[] = [];
  let left = limit;
  for (const name of names) {
    // The last answer ended with a whole topic: the next one begins the next answer.
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = broker.image.topics.byName(name);
    if (topic === null) {
      if (request.topics.length > 0)
        topics.push(failed(absentTopicError(name), name, TOPIC_OPERATIONS));
      continue;
    }
    const { cursor } = request;
    const first = cursor !== null && cursor.topicName === name ? cursor.partitionIndex : 0;
    const end = Math.min(topic.partitions.length, first + left);
    topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: isInternalTopic(name),
      partitions: await slices.map(topic.partitions.slice(first, end), (partition, index) => ({
        ...partitionView(broker.image, first + index, partition, options),
        errorCode: ErrorCode.NONE,
      })),
      topicAuthorizedOperations: TOPIC_OPERATIONS,
    });
    if (end < topic.partitions.length) {
      return { topics, nextCursor: { topicName: name, partitionIndex: end } };
    }
    left -= Math.max(end - first, 0);
  }
  return { topics, nextCursor: null };
}

function failed(errorCode: ErrorCode, name: string, operations: number): TopicAnswer {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: operations,
  };
}
