/**
 * How the clients of a consistency test reach a broker that may be gone, slow, or come back: on
 * the fake World by its dispatcher, else by TCP.
 */
import { ErrorCode, errorName, isRetriable } from "../../src/protocol/error-code.ts";
import type { Api } from "../../src/protocol/schema.ts";

export interface Wire {
  /** Rejects with `Unanswered` when no answer came: the request may have been done, or will be. */
  ask<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R>;
  sleep(delayMs: number): Promise<void>;
  wallMs(): number;
  /** True from when the test wants its clients to come to an end. */
  readonly isClosing: boolean;
  /**
   * The epoch in which the leader answered that was asked last; null when it is not known. Leaders
   * change, and a new one knows of the high watermark only what it was told.
   */
  leaderEpoch?(topic: string, partition: number): number | null;
  /** One that has slept may answer what another took over meanwhile. */
  readonly hasManyNodes?: boolean;
}

export class Unanswered extends Error {}

/** The broker refused, and would again. */
export class Refused extends Error {
  constructor(
    what: string,
    readonly errorCode: ErrorCode,
    /** How many requests of the same were sent before this one. */
    readonly triesBefore = 0,
  ) {
    super(`${what}: ${errorName(errorCode)}`);
  }
}

const BACKOFF_MS = 30;
const TRIES_MAX = 2000;

export interface Retried<R> {
  readonly answer: R;
  /** How many requests were sent before that nobody answered. */
  readonly unanswered: number;
}

/**
 * Asks until the answer is no error that passes; a lost answer is asked for again. Rejects with
 * `Refused`. `accepted` are errors that the caller wants to see.
 */
export async function retried<R>(
  wire: Wire,
  what: string,
  ask: () => Promise<R>,
  errorOf: (answer: R) => number,
  accepted: readonly number[] = [],
): Promise<Retried<R>> {
  let unanswered = 0;
  let last = "";
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    try {
      const answer = await ask();
      const errorCode = errorOf(answer);
      if (errorCode === ErrorCode.NONE || accepted.includes(errorCode)) {
        return { answer, unanswered };
      }
      if (!isRetriable(errorCode)) throw new Refused(what, errorCode as ErrorCode, tries);
      last = errorName(errorCode as ErrorCode);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      unanswered++;
      last = error.message;
    }
    await wire.sleep(BACKOFF_MS);
  }
  throw new Error(`${what}: no end of retries, at last ${last}`);
}
