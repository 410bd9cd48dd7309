/**
 * What an operation of a coordinator gives back: it changes nothing of the recorded state itself.
 * The records are appended as one batch and applied at once; the response leaves when they, and all
 * that was written before them, are committed.
 */
import type { ErrorCode } from "../protocol/error-code.ts";

export interface Effects<R> {
  readonly records: readonly R[];
  /** False: where they are too many for one batch, they may be spread over several. */
  readonly isAtomic?: boolean;
  /** Runs when the records are applied. */
  readonly applied?: () => void;
  /** Runs when the log refused the records: nothing was written or applied. */
  readonly refused?: (error: ErrorCode) => void;
}

export interface Outcome<R, T> extends Effects<R> {
  /** A promise where the answer waits for more than the records, as JoinGroup's for others. */
  readonly response: T | Promise<T>;
}

export const NO_EFFECTS: Effects<never> = { records: [] };

/** Of an operation that writes nothing. */
export function answered<T>(response: T | Promise<T>): Outcome<never, T> {
  return { records: [], response };
}
