/**
 * KIP-599: how many partitions a client may create and delete in a second, its
 * controller_mutation_rate.
 *
 * A strict request is refused while there is a debt, one that comes without is served and may make
 * one; a permissive one, of clients that do not know the error, is always served. Both are told how
 * long to be silent.
 */
import type { Clock } from "../../base/world.ts";
import type { MutationPermits } from "../../metadata/controller/command.ts";
import { QuotaLimits } from "./quota-limits.ts";
import type { RateWindow } from "./rate.ts";
import { type QuotaUser, type Sensor, Sensors } from "./sensors.ts";
import { TokenBucket } from "./token-bucket.ts";

export class MutationQuota {
  readonly limits = new QuotaLimits();
  readonly #clock: Clock;
  readonly #sensors: Sensors<TokenBucket>;

  constructor(clock: Clock, window: RateWindow) {
    this.#clock = clock;
    this.#sensors = new Sensors(this.limits, () => new TokenBucket(window));
  }

  /** For one request. Null while nobody is limited. */
  permitsFor(who: QuotaUser, isStrict: boolean): RequestPermits | null {
    if (this.limits.isEmpty) return null;
    const sensor = this.#sensors.of(who, this.#clock.monotonicMs());
    return sensor.limit === Infinity ? null : new RequestPermits(this.#clock, sensor, isStrict);
  }
}

class RequestPermits implements MutationPermits {
  readonly #clock: Clock;
  readonly #sensor: Sensor<TokenBucket>;
  readonly #isStrict: boolean;
  #delayMs = 0;
  #delayedMs = 0;

  constructor(clock: Clock, sensor: Sensor<TokenBucket>, isStrict: boolean) {
    this.#clock = clock;
    this.#sensor = sensor;
    this.#isStrict = isStrict;
  }

  take(count: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { meter, limit } = this.#sensor;
    const isRefused = this.#isStrict && meter.tokens(limit, nowMs) < 0;
    if (!isRefused) meter.take(count, limit, nowMs);
    if (isRefused || !this.#isStrict) this.#delayFor(meter.msUntilNoDebt(limit, nowMs), nowMs);
    return !isRefused;
  }

  /** What is left of the silence that the request has earned. */
  get delayMs(): number {
    if (this.#delayMs === 0) return 0;
    const goneMs = this.#clock.monotonicMs() - this.#delayedMs;
    return Math.max(0, Math.round(this.#delayMs - goneMs));
  }

  #delayFor(delayMs: number, nowMs: number): void {
    if (delayMs === 0) return;
    this.#delayMs = delayMs;
    this.#delayedMs = nowMs;
  }
}
