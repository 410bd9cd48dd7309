/**
 * Acknowledgements of a member of a share group, which come with a ShareAcknowledge or with a
 * ShareFetch (KIP-932): checked as Kafka does, one partition's errors beside another's success.
 */
import type { Broker } from "../broker/broker.ts";
import type { AcknowledgedBatch } from "../broker/share/acknowledging.ts";
import { AcknowledgeType } from "../broker/share/record-state.ts";
import { type ShareError, shareError } from "../broker/share/share-error.ts";
import { ErrorCode } from "../protocol/error-code.ts";

/** So long a member's id may be: Kafka's are uuids. */
const MEMBER_ID_SIZE_MAX = 36;
const RENEW_VERSION = 2;

export interface AcknowledgedTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly acknowledgementBatches: readonly AcknowledgedBatch[];
  }[];
}

export interface AcknowledgeRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly apiVersion: number;
  /** KIP-1222 */
  readonly isRenewAck: boolean;
  readonly topics: readonly AcknowledgedTopic[];
}

/** By topic id and partition: null where it counts. */
export type AcknowledgeAnswers = ReadonlyMap<string, ReadonlyMap<number, ShareError | null>>;

interface Caller {
  readonly groupId: string;
  readonly memberId: string;
}

/** Null when it is no caller at all. */
export function shareCaller(request: {
  readonly groupId: string | null;
  readonly memberId: string | null;
}): Caller | null {
  const { groupId, memberId } = request;
  if (groupId === null || memberId === null) return null;
  if (memberId.length === 0 || memberId.length > MEMBER_ID_SIZE_MAX) return null;
  return { groupId, memberId };
}

export async function acknowledgeAll(
  request: AcknowledgeRequest,
  broker: Broker,
): Promise<AcknowledgeAnswers> {
  const answers = new Map<string, Map<number, ShareError | null>>();
  const idle: (() => void)[] = [];
  const running: Promise<void>[] = [];
  for (const { topicId, partitions } of request.topics) {
    const topic = broker.image.topics.byId(topicId);
    // A partition that is named twice counts as it was named last.
    const byIndex = new Map(partitions.map((each) => [each.partitionIndex, each]));
    const answered = answers.get(topicId) ?? new Map<number, ShareError | null>();
    answers.set(topicId, answered);
    for (const [partition, { acknowledgementBatches: batches }] of byIndex) {
      const tell = (error: ShareError | null) => void answered.set(partition, error);
      const errorCode =
        topic === null
          ? ErrorCode.UNKNOWN_TOPIC_ID
          : areValid(batches, request)
            ? topic.partitions[partition] === undefined
              ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
              : ErrorCode.NONE
            : ErrorCode.INVALID_REQUEST;
      if (errorCode !== ErrorCode.NONE) tell(shareError(errorCode, null));
      else if (batches.length === 0) idle.push(() => tell(null));
      else {
        const name = { topicId, partition, topic: topic!.name };
        const { groupId, memberId } = request;
        const done = broker.shareFetching.acknowledge(groupId, memberId, name, batches);
        running.push(done.then(tell));
      }
    }
  }
  await Promise.all(running);
  countTopics(answers, broker);
  // As Kafka: of those that say nothing nothing is said, unless another has something to say.
  if (running.length > 0) for (const tell of idle) tell();
  return answers;
}

/** Each topic counts once a request. */
function countTopics(answers: AcknowledgeAnswers, { partitions }: Broker): void {
  for (const [topicId, errors] of answers) {
    const stats = partitions.topicById(topicId)?.stats;
    if (stats === undefined || errors.size === 0) continue;
    stats.totalShareAcknowledgementRequests++;
    const hasFailed = [...errors.values()].some((error) => error !== null);
    if (hasFailed) stats.failedShareAcknowledgementRequests++;
  }
}

/** In order, not over each other, and with types that this version knows. */
function areValid(
  batches: readonly AcknowledgedBatch[],
  { apiVersion, isRenewAck }: AcknowledgeRequest,
): boolean {
  const typeMax = apiVersion === RENEW_VERSION ? AcknowledgeType.RENEW : AcknowledgeType.REJECT;
  let previousLast = -1;
  for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
    const count = acknowledgeTypes.length;
    if (firstOffset > lastOffset || firstOffset < previousLast || count === 0) return false;
    if (count > 1 && lastOffset - firstOffset !== count - 1) return false;
    if (acknowledgeTypes.some((type) => type < 0 || type > typeMax)) return false;
    if (acknowledgeTypes.includes(AcknowledgeType.RENEW) && !isRenewAck) return false;
    previousLast = lastOffset;
  }
  return true;
}
