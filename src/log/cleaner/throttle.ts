/**
 * Holds work to a number of bytes a second, on average over intervals of 300 ms. Who has done as
 * much as an interval may have waits for its end; Kafka's Throttler looks at its end only, when a
 * fast disk has done many times as much.
 */
const INTERVAL_MS = 300;

export class Throttle {
  readonly #bytesPerSecond: () => number;
  #intervalStartMs: number;
  #bytes = 0;

  constructor(bytesPerSecond: () => number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#intervalStartMs = nowMs;
  }

  /** So many bytes are done; returns how long to wait. */
  note(bytes: number, nowMs: number): number {
    this.#bytes += bytes;
    const elapsedMs = nowMs - this.#intervalStartMs;
    const isUsedUp = this.#bytes >= this.pieceBytesMax;
    if (this.#bytes === 0 || (elapsedMs <= INTERVAL_MS && !isUsedUp)) return 0;
    const bytesPerMs = this.#bytesPerSecond() / 1000;
    const waitMs = Math.max(0, Math.round(this.#bytes / bytesPerMs - elapsedMs));
    this.#intervalStartMs = nowMs + waitMs;
    this.#bytes = 0;
    return waitMs;
  }

  /** As much at once as keeps the rate even. */
  get pieceBytesMax(): number {
    return (this.#bytesPerSecond() * INTERVAL_MS) / 1000;
  }
}
