/**
 * Answers that wait for the log: each leaves when all that was written before it is committed, or
 * with the error that hit it, or when it has waited for too long.
 *
 *   written, in order   [ batch | batch | batch ] + open batch
 *   answers             . .  . |   .   | . . .      . .         each in the last batch of its time
 *
 * Invariants: batches settle in order; an answer is given once; answers leave in the order in which
 * they were parked, except for those that waited too long.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";

export type ParkedAnswer = (error: ErrorCode) => void;

interface Parked {
  readonly answer: ParkedAnswer;
  readonly dueMs: number;
}

/** What must be committed before the answers behind it may leave. */
export class UnsettledBatch {
  readonly parked: Parked[] = [];
  isCommitted = false;
}

export class Unsettled {
  readonly #batches: UnsettledBatch[] = [];
  readonly #timeoutMs: number;
  readonly #nowMs: () => number;
  readonly #deadline: Deadline;

  constructor(deadlines: Deadlines, nowMs: () => number, timeoutMs: number) {
    this.#nowMs = nowMs;
    this.#timeoutMs = timeoutMs;
    this.#deadline = deadlines.create(() => this.#expire());
  }

  add(): UnsettledBatch {
    const batch = new UnsettledBatch();
    this.#batches.push(batch);
    return batch;
  }

  /** Answers now when nothing is on its way. */
  park(answer: ParkedAnswer): void {
    const last = this.#batches.at(-1);
    if (last === undefined) {
      answer(ErrorCode.NONE);
      return;
    }
    last.parked.push({ answer, dueMs: this.#nowMs() + this.#timeoutMs });
    if (!this.#deadline.isSet) this.#deadline.set(this.#timeoutMs);
  }

  /** Harmless for a batch that was given up. */
  settle(batch: UnsettledBatch): void {
    batch.isCommitted = true;
    for (let first = this.#batches[0]; first?.isCommitted; first = this.#batches[0]) {
      this.#batches.shift();
      for (const { answer } of first.parked) answer(ErrorCode.NONE);
    }
  }

  /** Whether the batch is still waited for. */
  has(batch: UnsettledBatch): boolean {
    return this.#batches.includes(batch);
  }

  /** Nothing of it will be committed, as far as anybody here learns. */
  giveUp(error: ErrorCode): void {
    const batches = this.#batches.splice(0);
    this.#deadline.cancel();
    for (const { parked } of batches) for (const { answer } of parked) answer(error);
  }

  /** What was written may be committed later; only the waiting ends. */
  #expire(): void {
    const nowMs = this.#nowMs();
    for (const { parked } of this.#batches) {
      const count = parked.findIndex(({ dueMs }) => dueMs > nowMs);
      const expired = parked.splice(0, count === -1 ? parked.length : count);
      for (const { answer } of expired) answer(ErrorCode.REQUEST_TIMED_OUT);
      const next = parked[0];
      if (next === undefined) continue;
      this.#deadline.set(next.dueMs - nowMs);
      return;
    }
  }
}
