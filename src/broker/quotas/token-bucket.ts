/**
 * KIP-599: tokens that flow in at a steady rate, up to what a whole window brings. Taking more than
 * there are leaves a debt, which has to flow in first.
 */
import type { RateWindow } from "./rate.ts";

export class TokenBucket {
  readonly #window: RateWindow;
  #tokens = 0;
  /** It is full at first. */
  #updatedMs = -Infinity;

  constructor(window: RateWindow) {
    this.#window = window;
  }

  /** Fewer than none while there is a debt. `limit` is the rate, in tokens a second. */
  tokens(limit: number, nowMs: number): number {
    const burst = (this.#window.sampleCount * this.#window.sampleMs * limit) / 1000;
    const flowed = limit * ((nowMs - this.#updatedMs) / 1000);
    this.#tokens = Math.min(burst, this.#tokens + flowed);
    this.#updatedMs = nowMs;
    return this.#tokens;
  }

  take(count: number, limit: number, nowMs: number): void {
    this.#tokens = this.tokens(limit, nowMs) - count;
  }

  /** How long until there is no debt; 0 when there is none. */
  msUntilNoDebt(limit: number, nowMs: number): number {
    const tokens = this.tokens(limit, nowMs);
    if (tokens >= 0) return 0;
    return Math.min(Math.round((-tokens / limit) * 1000), DELAY_MS_MAX);
  }
}

/** The field of an answer that tells a delay holds no more. */
const DELAY_MS_MAX = 2 ** 31 - 1;
