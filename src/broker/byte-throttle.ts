/** Holds back bytes beyond a rate that may change at any time. */
import type { Clock } from "../base/world.ts";

/** A new rate is noticed after this long at the latest. */
const LOOK_EVERY_MS = 1000;
const MS_PER_SECOND = 1000;

export class ByteThrottle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  readonly #burstMs: () => number;
  /** When everything admitted so far is paid for. */
  #paidAtMs = 0;

  /** After a pause as much may pass at once as `burstMs` allow. */
  constructor(clock: Clock, bytesPerSecond: () => number, burstMs: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstMs = burstMs;
  }

  /** Resolves when what was spent is paid for. */
  async admit(): Promise<void> {
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      const rate = this.#bytesPerSecond();
      if (rate > 0 && this.#paidAtMs <= nowMs) return;
      const waitMs = rate > 0 ? Math.min(this.#paidAtMs - nowMs, LOOK_EVERY_MS) : LOOK_EVERY_MS;
      await new Promise<void>((resolve) => this.#clock.schedule(Math.ceil(waitMs), resolve));
    }
  }

  spend(byteCount: number): void {
    const rate = this.#bytesPerSecond();
    if (rate <= 0) return;
    const sinceMs = Math.max(this.#paidAtMs, this.#clock.monotonicMs() - this.#burstMs());
    this.#paidAtMs = sinceMs + (byteCount / rate) * MS_PER_SECOND;
  }
}
