/**
 * What each scope has used of its limit, made when it is first seen and forgotten when it has not
 * been for an hour. Clients choose their client ids: beyond a number of them the oldest goes.
 */
import type { QuotaLimits, QuotaScope } from "./quota-limits.ts";

/** Whoever is limited. */
export interface QuotaUser {
  readonly user: string;
  readonly clientId: string;
}

export class Sensor<M> {
  limit: number;
  limitVersion: number;
  lastUsedMs = 0;

  constructor(
    readonly scope: QuotaScope,
    readonly meter: M,
    limits: QuotaLimits,
  ) {
    this.limit = limits.limitOf(scope);
    this.limitVersion = limits.version;
  }
}

export class Sensors<M> {
  readonly limits: QuotaLimits;
  readonly #makeMeter: () => M;
  readonly #sensors = new Map<string, Sensor<M>>();
  #sweptMs = -Infinity;

  constructor(limits: QuotaLimits, makeMeter: () => M) {
    this.limits = limits;
    this.#makeMeter = makeMeter;
  }

  get size(): number {
    return this.#sensors.size;
  }

  values(): Iterable<Sensor<M>> {
    return this.#sensors.values();
  }

  /** With the limit that holds now. */
  of({ user, clientId }: QuotaUser, nowMs: number): Sensor<M> {
    const { limits } = this;
    const scope = limits.scopeOf(user, clientId);
    const key = `${scope.user.length}:${scope.user}${scope.clientId}`;
    const sensor = this.#sensors.get(key) ?? this.#add(key, scope, nowMs);
    if (sensor.limitVersion !== limits.version) {
      sensor.limit = limits.limitOf(scope);
      sensor.limitVersion = limits.version;
    }
    sensor.lastUsedMs = nowMs;
    return sensor;
  }

  #add(key: string, scope: QuotaScope, nowMs: number): Sensor<M> {
    this.#sweep(nowMs);
    const sensor = new Sensor(scope, this.#makeMeter(), this.limits);
    this.#sensors.set(key, sensor);
    return sensor;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs >= SWEEP_EVERY_MS) {
      this.#sweptMs = nowMs;
      for (const [key, { lastUsedMs }] of this.#sensors) {
        if (nowMs - lastUsedMs > UNUSED_MS_MAX) this.#sensors.delete(key);
      }
    }
    if (this.#sensors.size < SENSORS_MAX) return;
    for (const key of this.#sensors.keys()) {
      this.#sensors.delete(key);
      return;
    }
  }
}

const SWEEP_EVERY_MS = 60_000;
const UNUSED_MS_MAX = 3_600_000;
export const SENSORS_MAX = 20_000;
