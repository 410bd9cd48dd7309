/** What tools ask of transactional ids: DescribeTransactions and ListTransactions (KIP-664). */
import { compilePattern, type LinearPattern } from "../../base/linear-pattern.ts";
import { Slices } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { describeTransactions } from "../../protocol/messages/65-describe-transactions.ts";
import type { listTransactions } from "../../protocol/messages/66-list-transactions.ts";
import type { Value } from "../../protocol/schema.ts";
import { topicsOf } from "./transaction-partitions.ts";
import type { TransactionMetadata } from "./transaction-metadata.ts";
import type { TransactionShard } from "./transaction-shard.ts";
import { transactionStateName, transactionStateNamed } from "./transaction-state.ts";

export type TransactionDescription = Value<
  typeof describeTransactions.response
>["transactionStates"][number];

export type ListTransactionsRequest = Value<typeof listTransactions.request>;

export type TransactionListing = Value<
  typeof listTransactions.response
>["transactionStates"][number];

export interface TransactionFilter {
  /** Names that no state has. */
  readonly unknownStates: readonly string[];
  /** Null where every id matches. */
  readonly pattern: LinearPattern | null;
  /** All but the pattern. */
  isWanted(metadata: TransactionMetadata, nowMs: number): boolean;
}

export function describeTransaction(
  shard: TransactionShard,
  transactionalId: string,
): TransactionDescription {
  const metadata = shard.transactions.get(transactionalId);
  if (metadata === undefined) {
    return undescribed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
  }
  const topics = topicsOf(shard.partitionsOf(transactionalId));
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: transactionStateName(metadata.state),
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStartTimeMs: metadata.startTimestampMs,
    producerId: metadata.producerId,
    producerEpoch: metadata.producerEpoch,
    topics: topics.map(([topic, partitions]) => ({ topic, partitions })),
  };
}

export function undescribed(transactionalId: string, errorCode: ErrorCode): TransactionDescription {
  return {
    errorCode,
    transactionalId,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}

/** Null when the pattern is none. */
export function transactionFilter(request: ListTransactionsRequest): TransactionFilter | null {
  const { durationFilter, transactionalIdPattern } = request;
  const names = [...new Set(request.stateFilters)];
  const states = new Set(names.map(transactionStateNamed));
  const producerIds = new Set(request.producerIdFilters);
  const pattern = transactionalIdPattern ? compilePattern(transactionalIdPattern) : null;
  if (pattern !== null && "problem" in pattern) return null;
  return {
    unknownStates: names.filter((name) => transactionStateNamed(name) === null),
    pattern,
    isWanted: (metadata, nowMs) =>
      (producerIds.size === 0 || producerIds.has(metadata.producerId)) &&
      (states.size === 0 || states.has(metadata.state)) &&
      // KIP-994; what never began has begun in 1969, as Kafka sees it.
      (durationFilter < 0 || nowMs - metadata.startTimestampMs > durationFilter),
  };
}

export function listed(
  shard: TransactionShard,
  filter: TransactionFilter,
  nowMs: number,
): TransactionListing[] {
  const found: TransactionListing[] = [];
  for (const [transactionalId, metadata] of shard.transactions) {
    if (!filter.isWanted(metadata, nowMs)) continue;
    const { producerId, state } = metadata;
    found.push({ transactionalId, producerId, transactionState: transactionStateName(state) });
  }
  return found;
}

export async function matching(
  listings: readonly TransactionListing[],
  pattern: LinearPattern,
  clock: Clock,
): Promise<TransactionListing[]> {
  const found: TransactionListing[] = [];
  const slices = new Slices(clock);
  for (const listing of listings) {
    if (pattern.matches(listing.transactionalId)) found.push(listing);
    if (slices.isOver) await slices.next();
  }
  return found;
}
