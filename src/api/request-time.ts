/** The time that the node has spent on one request so far, for the limits of KIP-124. */
import type { Clock } from "../base/world.ts";

export class RequestTime {
  readonly #clock: Clock;
  readonly #startedMs: number;
  #durationMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** From here on the request waits, which costs nothing. */
  pause(): void {
    this.#durationMs = this.nowMs() - this.#startedMs;
  }

  /** 100 of them are one second: a second's worth of them each second is the node's whole time. */
  percents(): number {
    return (this.#durationMs ?? this.nowMs() - this.#startedMs) * PERCENTS_PER_MS;
  }
}

export const PERCENTS_PER_MS = 100 / 1000;
