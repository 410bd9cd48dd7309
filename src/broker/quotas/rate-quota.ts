/**
 * Limits on a rate: bytes a second of produce and fetch, and the share of its time that the node
 * spends on requests.
 */
import { QuotaLimits } from "./quota-limits.ts";
import { Rate, type RateWindow } from "./rate.ts";
import { type Sensor, Sensors, type QuotaUser } from "./sensors.ts";

export class RateQuota {
  readonly limits = new QuotaLimits();
  readonly #sensors: Sensors<Rate>;
  readonly #window: RateWindow;
  readonly #delayMsMax: number;

  constructor(window: RateWindow, delayMsMax = Infinity) {
    this.#window = window;
    this.#delayMsMax = delayMsMax;
    this.#sensors = new Sensors(this.limits, () => new Rate(window));
  }

  /** False while nobody is limited: then there is nothing to record. */
  get isActive(): boolean {
    return !this.limits.isEmpty;
  }

  /** What each scope has used of its limit. */
  sensors(): Iterable<Sensor<Rate>> {
    return this.#sensors.values();
  }

  /** Counts a use, and says for how long this client is to be silent; 0 within its limit. */
  use(who: QuotaUser, value: number, nowMs: number): number {
    const { meter, limit } = this.#sensors.of(who, nowMs);
    meter.record(value, nowMs);
    return Math.min(meter.msUntil(limit, nowMs), this.#delayMsMax);
  }

  /** Counts a use whose time has gone: whoever asks next is told. */
  record(who: QuotaUser, value: number, nowMs: number): void {
    this.#sensors.of(who, nowMs).meter.record(value, nowMs);
  }

  /** More than this at once would be throttled even if nothing else was used. */
  useMax(who: QuotaUser, nowMs: number): number {
    if (!this.isActive) return Infinity;
    const { limit } = this.#sensors.of(who, nowMs);
    const { sampleCount, sampleMs } = this.#window;
    return Math.trunc(limit * (sampleCount - 1) * (sampleMs / 1000));
  }
}
