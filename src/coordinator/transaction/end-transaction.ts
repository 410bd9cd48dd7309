/**
 * EndTxn: whether a transaction may be committed or aborted now.
 *
 * Before version 2 of transactions, the epoch must be the producer's, and to ask again is to ask
 * for what the last transaction became: NONE. From version 2 on the end raises the epoch, so that
 * a request with the epoch before is one that is asked again (KIP-890):
 *
 *                    abort                          commit
 *                    asked again   newest epoch     asked again   newest epoch
 *   Empty            fenced        aborts           fenced        INVALID_TXN_STATE
 *   Ongoing          fenced        aborts           fenced        commits
 *   CompleteAbort    NONE          aborts           INVALID...    INVALID_TXN_STATE
 *   CompleteCommit   INVALID...    aborts           NONE          INVALID_TXN_STATE
 *   Prepare*         CONCURRENT_TRANSACTIONS
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  EPOCH_BUMP_VERSION,
  EPOCH_MAX,
  isEnding,
  isEpochExhausted,
  NO_PRODUCER_ID,
  prepared,
  type TransactionMetadata,
} from "./transaction-metadata.ts";
import { TransactionState } from "./transaction-state.ts";

export interface EndRequest {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  readonly clientTransactionVersion: number;
  /** One that nobody has; null when none was fetched yet. */
  readonly newProducerId: number | null;
}

/** What is to be done; `done` was done before. */
export type EndStep =
  | { readonly kind: "prepare"; readonly next: TransactionMetadata }
  | { readonly kind: "done" }
  | { readonly kind: "needsProducerId" }
  | { readonly kind: "refuse"; readonly errorCode: ErrorCode };

export function endStep(
  from: TransactionMetadata | undefined,
  request: EndRequest,
  nowMs: number,
): EndStep {
  if (from === undefined) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  if (request.clientTransactionVersion >= EPOCH_BUMP_VERSION) {
    return endWithBump(from, request, nowMs);
  }
  if (from.producerId !== request.producerId) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  if (from.producerEpoch !== request.producerEpoch) return refuse(ErrorCode.PRODUCER_FENCED);
  if (isEnding(from)) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  if (from.state === TransactionState.ONGOING) {
    const end = { clientTransactionVersion: 0, nextProducerId: NO_PRODUCER_ID };
    return { kind: "prepare", next: prepared(from, request.isCommit, end, nowMs) };
  }
  return from.state === completeState(request) ? DONE : refuse(ErrorCode.INVALID_TXN_STATE);
}

function endWithBump(from: TransactionMetadata, request: EndRequest, nowMs: number): EndStep {
  const { producerId, producerEpoch, isCommit } = request;
  if (isEnding(from)) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  // The epochs were used up, and the producer does not know its new id.
  const isAgainWithOldId =
    from.previousProducerId === producerId &&
    producerEpoch === EPOCH_MAX - 1 &&
    from.producerEpoch === 0;
  if (from.producerId !== producerId && !isAgainWithOldId) {
    return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  const isAgain = isAgainWithOldId || from.producerEpoch === producerEpoch + 1;
  const isNewest = from.producerEpoch === producerEpoch;
  switch (from.state) {
    case TransactionState.ONGOING:
      return isNewest ? prepare(from, request, nowMs) : refuse(ErrorCode.PRODUCER_FENCED);
    case TransactionState.EMPTY:
      if (!isNewest) return refuse(ErrorCode.PRODUCER_FENCED);
      break;
    default:
      if (isAgain) {
        return from.state === completeState(request) ? DONE : refuse(ErrorCode.INVALID_TXN_STATE);
      }
      if (!isNewest) return refuse(ErrorCode.PRODUCER_FENCED);
  }
  // A producer that is in doubt aborts, even if there is nothing to abort: its epoch is raised.
  return isCommit ? refuse(ErrorCode.INVALID_TXN_STATE) : prepare(from, request, nowMs);
}

function prepare(from: TransactionMetadata, request: EndRequest, nowMs: number): EndStep {
  const { clientTransactionVersion, newProducerId, isCommit } = request;
  const isExhausted = isEpochExhausted(from.producerEpoch);
  if (isExhausted && newProducerId === null) return { kind: "needsProducerId" };
  const nextProducerId = isExhausted ? newProducerId! : NO_PRODUCER_ID;
  const end = { clientTransactionVersion, nextProducerId };
  return { kind: "prepare", next: prepared(from, isCommit, end, nowMs) };
}

function completeState({ isCommit }: EndRequest): TransactionState {
  return isCommit ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT;
}

const DONE: EndStep = { kind: "done" };

function refuse(errorCode: ErrorCode): EndStep {
  return { kind: "refuse", errorCode };
}
