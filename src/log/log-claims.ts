/** What producers want to do in a log, held against what it knows of them. */
import { ErrorCode } from "../protocol/error-code.ts";
import { hasProducerId, isControl, producerEpoch, producerId } from "../protocol/record-batch.ts";
import { readEndTransactionMarker } from "./end-transaction-marker.ts";
import { producerBatchOf } from "./log-producers.ts";
import type { LogState } from "./log-state.ts";
import {
  type AppendOrigin,
  type Refusal,
  refuseBatch,
  refuseMarker,
  staleEpoch,
} from "./producer-checks.ts";
import type { Verification } from "./verifications.ts";

/** The first batch of `bytes`. The leader takes one batch of a producer at a time. */
export function refuseProducer(
  state: LogState,
  bytes: Buffer,
  origin: AppendOrigin,
  given: {
    readonly verification?: Verification | null;
    readonly transactionVersion?: number;
  },
): Refusal | null {
  if (!hasProducerId(bytes, 0)) return null;
  const { host, producers, verifications } = state;
  const id = producerId(bytes, 0);
  const entry = producers.state.get(id);
  if (isControl(bytes, 0)) {
    const marker = readEndTransactionMarker(bytes, 0);
    if (marker === null) return null;
    const { transactionVersion = -1 } = given;
    return refuseMarker(entry, id, producerEpoch(bytes, 0), marker, transactionVersion);
  }
  const verification = verifications.get(id);
  const isVerified = verification !== undefined && verification === given.verification;
  return refuseBatch(entry, producerBatchOf(bytes, 0), origin, {
    isVerified: isVerified || !host.verifiesTransactions,
    verification,
  });
}

/** See `Log.startVerification`. */
export function startVerification(
  state: LogState,
  id: number,
  sequence: number,
  epoch: number,
  supportsEpochBump: boolean,
): Verification | Refusal | null {
  const failed = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: "The disk failed" };
  return state.attempt<Verification | Refusal | null>(
    () => {
      const entry = state.producers.state.get(id);
      if (entry !== undefined) {
        if (epoch < entry.epoch) return staleEpoch(id, epoch, entry.epoch);
        if (epoch === entry.epoch && entry.transactionFirstOffset !== -1) return null;
      }
      return state.verifications.start(id, sequence, epoch, supportsEpochBump, state.nowMs);
    },
    () => failed,
  );
}

export interface GivenMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: number;
}

/** See `Log.hasMarker`. */
export function hasMarker(state: LogState, marker: GivenMarker): boolean {
  const { producerId: id, producerEpoch: epoch, transactionVersion } = marker;
  const entry = state.attempt(
    () => state.producers.state.get(id),
    () => undefined,
  );
  if (entry === undefined || entry.epoch !== epoch) return false;
  if (entry.transactionFirstOffset !== -1 || entry.coordinatorEpoch === -1) return false;
  // Many transactions have one epoch there: a later coordinator must be known as such.
  const isLater = entry.coordinatorEpoch < marker.coordinatorEpoch;
  if (transactionVersion < 2 && isLater) return false;
  state.verifications.markerAppended(id, epoch);
  return true;
}
