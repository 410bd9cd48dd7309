/**
 * A connection that its answers tell to wait (quotas): until then it is not read, and what is here
 * already waits too, as it would in the peer's socket (KIP-219).
 */
import type { Clock, Timer } from "../base/world.ts";
import { Hold, type Reading } from "./reading.ts";

export class Throttle {
  readonly #clock: Clock;
  readonly #reading: Reading;
  readonly #over: () => void;
  #untilMs = 0;
  #timer: Timer | null = null;

  /** `over` is called when it has waited for long enough, or need not any more. */
  constructor(clock: Clock, reading: Reading, over: () => void) {
    this.#clock = clock;
    this.#reading = reading;
    this.#over = over;
  }

  get isOn(): boolean {
    return this.#reading.isHeldFor(Hold.THROTTLE);
  }

  /** Of several delays the one that ends last counts. */
  begin(delayMs: number): void {
    const untilMs = this.#clock.monotonicMs() + delayMs;
    if (untilMs <= this.#untilMs) return;
    this.#untilMs = untilMs;
    this.#reading.hold(Hold.THROTTLE | Hold.REQUESTS);
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(delayMs, () => this.end());
  }

  end(): void {
    this.cancel();
    this.#untilMs = 0;
    this.#reading.release(Hold.THROTTLE);
    this.#over();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
