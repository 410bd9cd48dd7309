/**
 * InitProducerId with a transactional id: what becomes of it.
 *
 *   state            nothing given            producer id and epoch given (KIP-360)
 *   (unknown)        new id, epoch 0          new id, epoch 0
 *   Empty, Complete* epoch + 1                epoch + 1, if it is the newest, or the same again if
 *                                             that was answered before; else PRODUCER_FENCED
 *   Ongoing          aborted, CONCURRENT_TRANSACTIONS: the client asks again
 *   Prepare*         CONCURRENT_TRANSACTIONS
 *
 * When the epochs of a producer id are used up it gets a new one, with epoch 0.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  initialized,
  isEnding,
  isEpochExhausted,
  isOpen,
  newTransaction,
  NO_PRODUCER_EPOCH,
  type ProducerIdAndEpoch,
  type TransactionMetadata,
} from "./transaction-metadata.ts";

/** What is to be done; a number is the error to answer. */
export type InitStep =
  | { readonly kind: "initialize"; readonly next: TransactionMetadata }
  | { readonly kind: "fence" }
  | { readonly kind: "needsProducerId" }
  | { readonly kind: "refuse"; readonly errorCode: ErrorCode };

export interface InitRequest {
  readonly timeoutMs: number;
  /** What the producer had; null when it begins. */
  readonly expected: ProducerIdAndEpoch | null;
  /** One that nobody has; null when none was fetched yet. */
  readonly newProducerId: number | null;
}

export function initStep(
  from: TransactionMetadata | undefined,
  request: InitRequest,
  nowMs: number,
): InitStep {
  const { expected, newProducerId, timeoutMs } = request;
  if (from === undefined) {
    if (newProducerId === null) return { kind: "needsProducerId" };
    return incremented(newTransaction(newProducerId, timeoutMs, nowMs), request, nowMs);
  }
  if (isEnding(from)) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  if (expected !== null && !isKnownProducer(from, expected)) {
    return refuse(ErrorCode.PRODUCER_FENCED);
  }
  if (isOpen(from)) return { kind: "fence" };
  const isNewest = expected === null || expected.producerEpoch === from.producerEpoch;
  if (!isEpochExhausted(from.producerEpoch) || !isNewest) return incremented(from, request, nowMs);
  if (newProducerId === null) return { kind: "needsProducerId" };
  const lastProducerEpoch = expected === null ? NO_PRODUCER_EPOCH : from.producerEpoch;
  const producer = { producerId: newProducerId, producerEpoch: 0, lastProducerEpoch, timeoutMs };
  return { kind: "initialize", next: initialized(from, producer, nowMs) };
}

/** The epoch itself is looked at when it is raised. */
function isKnownProducer(from: TransactionMetadata, expected: ProducerIdAndEpoch): boolean {
  return (
    from.producerEpoch === NO_PRODUCER_EPOCH ||
    expected.producerId === from.producerId ||
    // The answer that gave it a new producer id may have been lost.
    (expected.producerId === from.previousProducerId && isEpochExhausted(expected.producerEpoch))
  );
}

function incremented(from: TransactionMetadata, request: InitRequest, nowMs: number): InitStep {
  const { expected, timeoutMs } = request;
  const { producerId, producerEpoch, lastProducerEpoch } = from;
  const step = (epoch: number, last: number): InitStep => ({
    kind: "initialize",
    next: initialized(
      from,
      { producerId, producerEpoch: epoch, lastProducerEpoch: last, timeoutMs },
      nowMs,
    ),
  });
  if (expected === null) return step(producerEpoch + 1, NO_PRODUCER_EPOCH);
  if (producerEpoch === NO_PRODUCER_EPOCH || expected.producerEpoch === producerEpoch) {
    return step(producerEpoch + 1, producerEpoch);
  }
  // Asked again, as the answer was lost: a new producer would have made the last epoch -1.
  if (expected.producerEpoch === lastProducerEpoch) return step(producerEpoch, lastProducerEpoch);
  return refuse(ErrorCode.PRODUCER_FENCED);
}

function refuse(errorCode: ErrorCode): InitStep {
  return { kind: "refuse", errorCode };
}
