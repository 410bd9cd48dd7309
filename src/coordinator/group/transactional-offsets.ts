/**
 * TxnOffsetCommit around the group's own part: offsets that count when their transaction commits.
 *
 *   topics that are not there ── refused
 *   the rest ── transaction verified (KIP-890) ── member and generation (KIP-447) ── records of
 *   the producer in `__consumer_offsets`, pending until the marker comes
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Outcome } from "../outcome.ts";
import type { TransactionalOperation } from "../runtime.ts";
import type {
  TransactionalOperation as AllowedOperation,
  TransactionVerifier,
} from "../transaction/participants.ts";
import type { RequestContext, TxnOffsetCommitRequest } from "./group-messages.ts";
import type { TxnOffsetCommitResponse } from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import type { GroupShard } from "./group-shard.ts";
import type { TransactionalTopic } from "./offset-requests.ts";
import type { TopicDirectory } from "./topic-directory.ts";

type RequestTopic = TxnOffsetCommitRequest["topics"][number];

/** From here on the group is added to the transaction by the commit itself (KIP-890). */
const ADD_VERSION = 5;
/** From here on clients know TRANSACTION_ABORTABLE. */
const ABORTABLE_VERSION = 4;
/** Older producers may crash when they hear of a coordinator that is loading (KAFKA-7296). */
const LOADING_VERSION = 2;

export interface TransactionalOffsetsOptions {
  readonly topics: TopicDirectory;
  readonly verifier: Pick<TransactionVerifier, "verify">;
  /** transaction.partition.verification.enable */
  readonly isVerified: () => boolean;
  /** Where the group's partition is, and its topic's name. */
  readonly partitionFor: (groupId: string) => number;
  readonly topicName: string;
  readonly run: <T>(
    groupId: string,
    write: TransactionalOperation,
    operation: (shard: GroupShard) => Outcome<GroupRecord, T>,
    failure: (error: ErrorCode) => T,
  ) => Promise<T>;
}

export class TransactionalOffsets {
  readonly #options: TransactionalOffsetsOptions;

  constructor(options: TransactionalOffsetsOptions) {
    this.#options = options;
  }

  async commit(
    request: TxnOffsetCommitRequest,
    from: RequestContext,
  ): Promise<TxnOffsetCommitResponse> {
    const refused: TransactionalTopic[] = [];
    const topics: RequestTopic[] = [];
    for (const topic of request.topics) {
      const known = this.#resolve(topic, from, refused);
      if (known !== null) topics.push(known);
    }
    if (topics.length === 0) return { throttleTimeMs: 0, topics: refused };
    const result = await this.#commitKnown({ ...request, topics }, from.apiVersion);
    const answered =
      typeof result === "number"
        ? topics.map((topic) => failed(topic, inVersion(result, from.apiVersion)))
        : result;
    return { throttleTimeMs: 0, topics: merged(refused, answered) };
  }

  #commitKnown(
    request: TxnOffsetCommitRequest,
    apiVersion: number,
  ): Promise<TransactionalTopic[] | ErrorCode> {
    const { groupId, producerId, producerEpoch } = request;
    const operation = allowedOperation(apiVersion);
    const isVerified = operation === "add" || this.#options.isVerified();
    const write = {
      producerId,
      producerEpoch,
      supportsEpochBump: operation === "add",
      verify: isVerified ? () => this.#verify(request, operation) : null,
    };
    return this.#options.run<TransactionalTopic[] | ErrorCode>(
      groupId,
      write,
      (shard) => shard.commitInTransaction(request),
      (error) => error,
    );
  }

  async #verify(request: TxnOffsetCommitRequest, operation: AllowedOperation): Promise<ErrorCode> {
    const { transactionalId, producerId, producerEpoch, groupId } = request;
    const { verifier, topicName: topic, partitionFor } = this.#options;
    const partitions = [{ topic, partition: partitionFor(groupId) }];
    const write = { transactionalId, producerId, producerEpoch, partitions };
    const [error = ErrorCode.NONE] = await verifier.verify(write, operation);
    return error;
  }

  /** The topic with what may be committed of it; the rest goes to `refused`. */
  #resolve(
    topic: RequestTopic,
    from: RequestContext,
    refused: TransactionalTopic[],
  ): RequestTopic | null {
    const { topics } = this.#options;
    const { name, partitions } = topic;
    if (from.topicAllowed?.(name) === false) {
      refused.push(failed(topic, ErrorCode.TOPIC_AUTHORIZATION_FAILED));
      return null;
    }
    const there: RequestTopic["partitions"] = [];
    const missing: RequestTopic["partitions"] = [];
    for (const partition of partitions) {
      const isThere = topics.hasPartition(name, partition.partitionIndex);
      (isThere ? there : missing).push(partition);
    }
    if (missing.length > 0) {
      const lost = { name, partitions: missing };
      refused.push(failed(lost, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
    return there.length === 0 ? null : { name, partitions: there };
  }
}

function allowedOperation(apiVersion: number): AllowedOperation {
  if (apiVersion >= ADD_VERSION) return "add";
  return apiVersion >= ABORTABLE_VERSION ? "verifyAbortable" : "verify";
}

function inVersion(error: ErrorCode, apiVersion: number): ErrorCode {
  const isUnknown =
    apiVersion < LOADING_VERSION && error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  return isUnknown ? ErrorCode.COORDINATOR_NOT_AVAILABLE : error;
}

interface TopicLike {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

function failed({ name, partitions }: TopicLike, errorCode: ErrorCode): TransactionalTopic {
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  };
}

/** Partitions of one topic stand together, whichever part of the broker answered them. */
function merged(
  refused: readonly TransactionalTopic[],
  answered: readonly TransactionalTopic[],
): TransactionalTopic[] {
  const all = new Map<string, TransactionalTopic>();
  for (const { name, partitions } of [...refused, ...answered]) {
    const known = all.get(name);
    if (known === undefined) all.set(name, { name, partitions: [...partitions] });
    else for (const partition of partitions) known.partitions.push(partition);
  }
  return [...all.values()];
}
