/**
 * What is known of one transactional id, and each step that it can take: every step gives new
 * metadata, which becomes a record, and is what is known once that record is applied.
 *
 * Versions of transactions (KIP-890): before 2, an epoch belongs to a producer; from 2 on, to one
 * transaction: its end raises the epoch, so that nothing that is late can get into the next one.
 *
 *   version < 2     InitProducerId → epoch 5    data 5, markers 5    data 5, markers 5
 *   version 2       InitProducerId → epoch 5    data 5, markers 6    data 6, markers 7
 */
import {
  NO_PARTITIONS,
  withPartitions,
  type TransactionPartitions,
} from "./transaction-partitions.ts";
import type { TopicPartition } from "./participants.ts";
import { TransactionState } from "./transaction-state.ts";

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
const NO_START = -1;
export const EPOCH_MAX = 32_767;
/** The last epoch that a producer gets; the one behind it is kept for fencing that producer. */
const USABLE_EPOCH_MAX = EPOCH_MAX - 1;
/** KIP-939: somebody else decides how the transaction ends, and when. */
export const UNBOUNDED_TIMEOUT_MS = 2_147_483_647;

/** From here on each transaction has an epoch of its own. */
export const EPOCH_BUMP_VERSION = 2;
/** From here on records have what an epoch per transaction needs. */
const FLEXIBLE_RECORD_VERSION = 1;

export interface TransactionMetadata {
  readonly producerId: number;
  /** The producer id before the last step; where it differs, its epochs were used up. */
  readonly previousProducerId: number;
  /** Comes into use when the transaction has ended: the epochs of `producerId` are used up. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** As long as nobody else was given an epoch; in no record, as in Kafka. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly state: TransactionState;
  readonly partitions: TransactionPartitions;
  /** -1 before the first transaction. */
  readonly startTimestampMs: number;
  readonly lastUpdateTimestampMs: number;
  /** By which version of transactions the client went with the last step. */
  readonly clientTransactionVersion: number;
}

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export function logValueVersion(transactionVersion: number): number {
  return transactionVersion >= FLEXIBLE_RECORD_VERSION ? 1 : 0;
}

/** Of a transactional id that nobody has used before: known once `initialized`. */
export function newTransaction(
  producerId: number,
  timeoutMs: number,
  nowMs: number,
): TransactionMetadata {
  return {
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    state: TransactionState.EMPTY,
    partitions: NO_PARTITIONS,
    startTimestampMs: NO_START,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  };
}

// ---- Questions ---------------------------------------------------------------------------------

export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= USABLE_EPOCH_MAX;
}

/** It is decided how the transaction ends, and not yet written everywhere. */
export function isEnding({ state }: TransactionMetadata): boolean {
  return state === TransactionState.PREPARE_COMMIT || state === TransactionState.PREPARE_ABORT;
}

export function isOpen({ state }: TransactionMetadata): boolean {
  return state === TransactionState.ONGOING;
}

export function mayTimeOut(timeoutMs: number): boolean {
  return timeoutMs !== UNBOUNDED_TIMEOUT_MS;
}

// ---- Steps -------------------------------------------------------------------------------------

/** A producer begins, or begins anew; `lastProducerEpoch` is for it to come back with (KIP-360). */
export function initialized(
  from: TransactionMetadata,
  next: ProducerIdAndEpoch & { readonly lastProducerEpoch: number; readonly timeoutMs: number },
  nowMs: number,
): TransactionMetadata {
  return {
    ...from,
    ...next,
    previousProducerId: from.producerId,
    state: TransactionState.EMPTY,
    partitions: NO_PARTITIONS,
    startTimestampMs: NO_START,
    lastUpdateTimestampMs: nowMs,
  };
}

/** The first partitions begin a transaction. */
export function withAdded(
  from: TransactionMetadata,
  added: readonly TopicPartition[],
  clientTransactionVersion: number,
  nowMs: number,
): TransactionMetadata {
  return {
    ...from,
    previousProducerId: from.producerId,
    state: TransactionState.ONGOING,
    partitions: withPartitions(from.partitions, added),
    startTimestampMs: isOpen(from) ? from.startTimestampMs : nowMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion,
  };
}

/** The end is decided: with this step on the disk, nothing can change it. */
export function prepared(
  from: TransactionMetadata,
  isCommit: boolean,
  end: { readonly clientTransactionVersion: number; readonly nextProducerId: number },
  nowMs: number,
): TransactionMetadata {
  const bumps = end.clientTransactionVersion >= EPOCH_BUMP_VERSION;
  return {
    ...from,
    ...end,
    previousProducerId: from.producerId,
    // Above the last there is none: an abort all the same, so that the producer can go on.
    producerEpoch: bumps ? Math.min(from.producerEpoch + 1, EPOCH_MAX) : from.producerEpoch,
    lastProducerEpoch: bumps ? from.producerEpoch : from.lastProducerEpoch,
    state: isCommit ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
    // KIP-890: an abort without any partition, so without a start.
    startTimestampMs: isOpen(from) ? from.startTimestampMs : nowMs,
    lastUpdateTimestampMs: nowMs,
  };
}

/** Aborted by the coordinator, in a way that shuts its producer out. */
export function fenced(
  from: TransactionMetadata,
  serverTransactionVersion: number,
  nextProducerId: number,
  nowMs: number,
): TransactionMetadata {
  if (serverTransactionVersion >= EPOCH_BUMP_VERSION) {
    const end = { clientTransactionVersion: serverTransactionVersion, nextProducerId };
    return prepared(from, false, end, nowMs);
  }
  const raised = {
    ...from,
    producerEpoch: Math.min(from.producerEpoch + 1, EPOCH_MAX),
    lastProducerEpoch: NO_PRODUCER_EPOCH,
  };
  const end = { clientTransactionVersion: 0, nextProducerId: NO_PRODUCER_ID };
  return prepared(raised, false, end, nowMs);
}

/** Every partition has its marker. */
export function completed(from: TransactionMetadata, nowMs: number): TransactionMetadata {
  return {
    ...from,
    ...nextProducer(from),
    previousProducerId: from.producerId,
    nextProducerId: NO_PRODUCER_ID,
    state:
      from.state === TransactionState.PREPARE_COMMIT
        ? TransactionState.COMPLETE_COMMIT
        : TransactionState.COMPLETE_ABORT,
    partitions: NO_PARTITIONS,
    lastUpdateTimestampMs: nowMs,
  };
}

/** With what the producer goes on behind the transaction that ends. */
export function nextProducer(from: TransactionMetadata): ProducerIdAndEpoch {
  const { producerId, producerEpoch, nextProducerId, clientTransactionVersion } = from;
  const rotates =
    clientTransactionVersion >= EPOCH_BUMP_VERSION && nextProducerId !== NO_PRODUCER_ID;
  return rotates ? { producerId: nextProducerId, producerEpoch: 0 } : { producerId, producerEpoch };
}
