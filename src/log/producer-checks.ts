/** Whether a producer may append what it wants to: Kafka's rules, and their errors. */
import { ErrorCode } from "../protocol/error-code.ts";
import { NO_PRODUCER_EPOCH } from "../protocol/record-batch.ts";
import type { EndTransactionMarker } from "./end-transaction-marker.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import type { ProducerBatch } from "./producer-state.ts";
import type { Verification } from "./verifications.ts";

/**
 * Who appends: a client's produce request; a coordinator, whose records have no sequence numbers;
 * KRaft's leader, which sets offsets and epochs itself; replication, which is believed everything.
 */
export type AppendOrigin = "client" | "coordinator" | "raftLeader" | "replication";

export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly message: string;
}

/** KIP-890: what is known of the transaction that a batch wants to begin. */
export interface TransactionCheck {
  /** The coordinator knows that this partition is part of it, or need not know. */
  readonly isVerified: boolean;
  /** What the partition has started for this producer, whoever the batch comes from. */
  readonly verification: Verification | undefined;
}

const EPOCH_MAX = 0x7fff;
/** Of a producer that has seen no marker. */
const NO_COORDINATOR_EPOCH = -1;

/** Null when the batch may be appended. Duplicates are found before. */
export function refuseBatch(
  entry: ProducerEntry | undefined,
  batch: ProducerBatch,
  origin: AppendOrigin,
  transaction: TransactionCheck,
): Refusal | null {
  if (origin === "replication") return null;
  const epoch = entry?.epoch ?? -1;
  if (batch.epoch < epoch) return staleEpoch(batch.producerId, batch.epoch, epoch);
  if (batch.isTransactional) {
    const isOngoing = entry !== undefined && entry.transactionFirstOffset !== -1;
    if (!(isOngoing && epoch === batch.epoch) && !transaction.isVerified) {
      return {
        errorCode: ErrorCode.INVALID_TXN_STATE,
        message: "Record was not part of an ongoing transaction",
      };
    }
  }
  if (origin === "client") {
    const refusal =
      refuseBeginning(entry, batch, transaction.verification) ?? refuseSequence(entry, batch);
    if (refusal !== null) return refusal;
  }
  if (entry !== undefined && entry.transactionFirstOffset !== -1 && !batch.isTransactional) {
    return {
      errorCode: ErrorCode.INVALID_TXN_STATE,
      message: `Expected transactional write from producer ${batch.producerId}`,
    };
  }
  return null;
}

/**
 * Null when the marker may be appended. KIP-890: from transaction version 2 on a marker has an
 * epoch above that of the records, unless it is the same marker again.
 */
export function refuseMarker(
  entry: ProducerEntry | undefined,
  producerId: number,
  epoch: number,
  marker: EndTransactionMarker,
  transactionVersion: number,
): Refusal | null {
  const current = entry?.epoch ?? NO_PRODUCER_EPOCH;
  const coordinatorEpoch = entry?.coordinatorEpoch ?? NO_COORDINATOR_EPOCH;
  // KAFKA-19999: the same marker again. No epoch is above the last one there is.
  const isEnded = entry === undefined || entry.transactionFirstOffset === -1;
  const isRepeated = epoch === current && (isEnded || epoch === EPOCH_MAX);
  const isStale = transactionVersion >= 2 ? epoch <= current : epoch < current;
  if (isStale && !(transactionVersion >= 2 && isRepeated)) {
    return staleEpoch(producerId, epoch, current);
  }
  if (coordinatorEpoch <= marker.coordinatorEpoch) return null;
  return {
    errorCode: ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    message:
      `Invalid coordinator epoch for producerId ${producerId}: ` +
      `${marker.coordinatorEpoch} (zombie), ${coordinatorEpoch} (current)`,
  };
}

/** KIP-890: nothing overtakes a batch that the client will send again. */
function refuseBeginning(
  entry: ProducerEntry | undefined,
  batch: ProducerBatch,
  verification: Verification | undefined,
): Refusal | null {
  if (verification === undefined) return null;
  const { producerId, firstSequence } = batch;
  const isUnknown = entry === undefined || entry.batches.length === 0;
  if (verification.supportsEpochBump && firstSequence !== 0 && isUnknown) {
    return outOfOrder(
      `Invalid sequence number for producer ${producerId}: ${firstSequence} ` +
        "(incoming seq. number). Expected sequence 0 for transactions v2 idempotent producer " +
        "with no existing state.",
    );
  }
  if (firstSequence <= verification.lowestSequence) return null;
  return outOfOrder(
    `Out of order sequence number for producer ${producerId}: ${firstSequence} ` +
      `(incoming seq. number), ${verification.lowestSequence} (earliest seen sequence)`,
  );
}

/**
 * A producer that is not known (any more, after retention or expiry) may begin anywhere, a new
 * epoch begins at 0, and all else goes on where the last batch ended.
 */
function refuseSequence(entry: ProducerEntry | undefined, batch: ProducerBatch): Refusal | null {
  if (entry === undefined || entry.epoch === -1) return null;
  if (batch.epoch !== entry.epoch) {
    if (batch.firstSequence === 0) return null;
    return outOfOrder(
      `Invalid sequence number for new epoch of producer ${batch.producerId}: ` +
        `${batch.epoch} (request epoch), ${batch.firstSequence} (seq. number), ` +
        `${entry.epoch} (current producer epoch)`,
    );
  }
  const last = entry.lastSequence;
  if (batch.firstSequence === last + 1) return null;
  if (batch.firstSequence === 0 && last === 0x7fff_ffff) return null;
  return outOfOrder(
    `Out of order sequence number for producer ${batch.producerId}: ` +
      `${batch.firstSequence} (incoming seq. number), ${last} (current end sequence number)`,
  );
}

/** The producer is fenced: another has its id, with a later epoch. */
export function staleEpoch(producerId: number, epoch: number, current: number): Refusal {
  return {
    errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
    message:
      `Epoch of producer ${producerId} is ${epoch}, ` +
      `which is smaller than the last seen epoch ${current}`,
  };
}

function outOfOrder(message: string): Refusal {
  return { errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, message };
}
