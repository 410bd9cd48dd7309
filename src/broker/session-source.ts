/** A fetch of a session: of its partitions, those that may have something to tell. */
import type { Signal } from "../base/signal.ts";
import { NO_REPLICA, type PartitionRead, readableEnd } from "../partition/fetch-read.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { FetchSource, FetchTarget } from "./fetch-operation.ts";
import { absenceError, type PartitionSource } from "./find-partition.ts";
import {
  type FetchPartitionRequest,
  type FetchSession,
  SessionPartition,
} from "./fetch-sessions.ts";

/** What a request means here. */
export function targetOf(
  request: FetchPartitionRequest,
  usesTopicIds: boolean,
  { partitions, image }: PartitionSource,
): FetchTarget {
  const { partition: index } = request;
  const topic = usesTopicIds
    ? partitions.topicById(request.topicId)
    : partitions.topicByName(request.topic ?? "");
  const partition = topic?.partition(index) ?? null;
  if (partition !== null) return { request, partition, errorCode: ErrorCode.NONE };
  const known = usesTopicIds
    ? image.topics.byId(request.topicId)
    : image.topics.byName(request.topic ?? "");
  return { request, partition, errorCode: absenceError(known, index, usesTopicIds) };
}

export class SessionSource implements FetchSource {
  readonly #session: FetchSession;
  readonly #node: PartitionSource;

  constructor(session: FetchSession, node: PartitionSource) {
    this.#session = session;
    this.#node = node;
  }

  targets(): readonly FetchTarget[] {
    return this.#session.news().map((request) => {
      const target = targetOf(request, this.#session.usesTopicIds, this.#node);
      request.watch(target.partition);
      request.isSeen = true;
      return target;
    });
  }

  get partitionCount(): number {
    return this.#session.watchedCount;
  }

  signals(): Signal[] {
    return [this.#session.moved];
  }
}

/** Remembers what an answer said; what has no more to tell is left alone until it moves. */
export function rememberAnswers(
  session: FetchSession,
  targets: readonly FetchTarget[],
  reads: readonly PartitionRead[],
  isolationLevel: number,
  replicaId = NO_REPLICA,
): void {
  for (let index = 0; index < targets.length; index++) {
    const { request } = targets[index]!;
    const read = reads[index]!;
    if (!(request instanceof SessionPartition)) continue;
    if (request.mustRespond(read)) request.responded(read);
    if ((read.slice?.size ?? 0) > 0) session.moveToEnd(request);
    else if (isAllSaid(targets[index]!, read, isolationLevel, replicaId)) session.settle(request);
  }
}

/**
 * Errors are told again and again; records may have found no room in the answer; and a replica that
 * is to come into the ISR is looked at until it is there.
 */
function isAllSaid(
  { request, partition }: FetchTarget,
  { errorCode, divergingEpoch, preferredReadReplica }: PartitionRead,
  isolationLevel: number,
  replicaId: number,
): boolean {
  if (partition === null || errorCode !== ErrorCode.NONE || divergingEpoch !== null) return false;
  if (preferredReadReplica !== NO_REPLICA) return false;
  if (request.fetchOffset < readableEnd(partition, isolationLevel)) return false;
  return replicaId === NO_REPLICA || partition.registration.isr.includes(replicaId);
}
