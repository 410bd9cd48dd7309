/**
 * Between the transaction coordinator and the partitions that take part in a transaction:
 *
 *   partition, group ── TransactionVerifier ──▶ coordinator     may this write be taken?
 *   coordinator ─────── MarkerSender ─────────▶ partition       the transaction ends
 *
 * Neither knows where the other is: the broker puts both together (broker/txn-marker-sender.ts,
 * broker/transaction-verification.ts).
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { writeTxnMarkers } from "../../protocol/messages/27-write-txn-markers.ts";
import type { Value } from "../../protocol/schema.ts";

/** The end of one producer's transaction, for as many partitions as it touched. */
export type TransactionMarker = Value<typeof writeTxnMarkers.request>["markers"][number];

/** One error code for each partition of a marker. */
export type TransactionMarkerResult = Value<typeof writeTxnMarkers.response>["markers"][number];

export interface SentMarker {
  readonly marker: TransactionMarker;
  /**
   * It may have been sent before, and nobody knows where it arrived: by this coordinator, or by one
   * that died. Where the producer's transaction has ended, none is written.
   */
  readonly isRepeated: boolean;
  /** False once nobody waits for it any more: what has not gone out need not. */
  readonly isWanted: () => boolean;
}

export interface MarkerSender {
  /** False for a partition that is deleted: it needs no marker. */
  hasPartition(topic: string, partition: number): boolean;

  /** Resolves once each partition has its marker committed or has refused it. Never rejects. */
  send(sent: SentMarker): Promise<TransactionMarkerResult>;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface TransactionalWrite {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
}

/**
 * What the client's request allows (KIP-890).
 *
 * - "verify": asked only; Produce v0-10 and TxnOffsetCommit v0-3, which do not know
 *   TRANSACTION_ABORTABLE: they get INVALID_TXN_STATE.
 * - "verifyAbortable": asked only; Produce v11 and TxnOffsetCommit v4.
 * - "add": what is not in the transaction is added to it; Produce v12+ and TxnOffsetCommit v5+.
 */
export type TransactionalOperation = "verify" | "verifyAbortable" | "add";

export interface TransactionVerifier {
  /**
   * Resolves with one error code for each partition of the write, in their order, as the producer
   * is to see it: PRODUCER_FENCED has become INVALID_PRODUCER_EPOCH. CONCURRENT_TRANSACTIONS is
   * given back at once: whether to try again is the caller's choice. Never rejects.
   */
  verify(write: TransactionalWrite, operation: TransactionalOperation): Promise<ErrorCode[]>;

  /**
   * Resolves when the transaction is not on its way to its end: at once, where nothing is known of
   * the id. Never, where another node coordinates it.
   */
  whenEnded(transactionalId: string): Promise<void>;
}

/** As the producer of a write understands it: see `TransactionalOperation`. */
export function errorForWriter(error: ErrorCode, operation: TransactionalOperation): ErrorCode {
  if (error === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  const isUnknown = error === ErrorCode.TRANSACTION_ABORTABLE && operation === "verify";
  return isUnknown ? ErrorCode.INVALID_TXN_STATE : error;
}
