/**
 * Between the transaction coordinator and the partitions that take part in a transaction:
 *
 *   partition, group ── TransactionVerifier ──▶ coordinator     may this write be taken?
 *   coordinator ─────── MarkerSender ─────────▶ partition       the transaction ends
 *
 * The coordinator does not know where the others are: the broker puts both together.
 */
import type { ErrorCode } from "../../protocol/error-code.ts";
import type { writeTxnMarkers } from "../../protocol/messages/27-write-txn-markers.ts";
import type { Value } from "../../protocol/schema.ts";

/** The end of one producer's transaction, for as many partitions as it touched. */
export type TransactionMarker = Value<typeof writeTxnMarkers.request>["markers"][number];

/** One error code for each partition of a marker. */
export type TransactionMarkerResult = Value<typeof writeTxnMarkers.response>["markers"][number];

export interface MarkerSender {
  /** False for a partition that is deleted: it needs no marker. */
  hasPartition(topic: string, partition: number): boolean;

  /**
   * Resolves with one result for each marker, in their order, once each partition has its marker
   * committed or has refused it. Never rejects.
   *
   * `isRepeated`: they may have been sent before, and nobody knows which of them arrived: by this
   * coordinator, or by one that died. Where the producer's transaction has ended, none is written.
   */
  send(
    markers: readonly TransactionMarker[],
    isRepeated: boolean,
  ): Promise<TransactionMarkerResult[]>;
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
}
