/**
 * Who may come in: max.connections and max.connection.creation.rate, of all listeners and of one,
 * max.connections.per.ip, and the rates of addresses (KIP-402, KIP-612).
 *
 *   accepted -> line of its listener -> rate of the address -> count of the address -> in
 *               first waits for the     too fast: closed        too many: closed
 *               rates, then a place     after a while           at once
 *
 * Kafka leaves those who wait in the backlog of its socket; here they are accepted and not read.
 *
 * Listeners that share a gate share its limits: those of brokers do, those of controllers do. The
 * one on which brokers speak to each other is not held up for the others' number: one of them goes.
 */
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import type { Clock, Timer } from "../base/world.ts";
import { Rate } from "../broker/quotas/rate.ts";
import { QuotaLimits } from "../broker/quotas/quota-limits.ts";
import { Sensors } from "../broker/quotas/sensors.ts";
import type { ServerLimits } from "./limits.ts";

/** A connection at the gate. */
export interface Visitor {
  readonly address: string;
  /** It does not wait any longer. */
  readonly isGone: boolean;
  admit(): void;
  /** It is not read until it is admitted. */
  wait(): void;
  refuse(reason: string, delayMs: number): void;
}

export class ConnectionGate {
  readonly #clock: Clock;
  readonly #limits: ServerLimits;
  /** So many have to go, of listeners that are not protected. */
  readonly #tooMany: (count: number) => void;
  readonly #lines = new Map<string, Line>();
  readonly #perAddress = new Map<string, number>();
  readonly #rate: Rate;
  readonly #addressRates: Sensors<Rate>;
  #count = 0;
  #refusedLaterCount = 0;

  constructor(clock: Clock, limits: ServerLimits, tooMany: (count: number) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tooMany = tooMany;
    this.#rate = new Rate(limits.rateWindow);
    this.#addressRates = new Sensors(new QuotaLimits(), () => new Rate(limits.rateWindow));
  }

  /** One that was closed may come back: its connections may still be ending. */
  addListener(name: string): void {
    if (this.#lines.has(name)) return;
    this.#lines.set(name, new Line(this.#clock, this, name, this.#limits.rateWindow));
  }

  /** Whoever waits there is turned away. */
  closeListener(name: string): void {
    this.#lines.get(name)?.stop("the listener is closed");
  }

  arrive(listenerName: string, visitor: Visitor): void {
    this.#lineOf(listenerName).arrive(visitor);
  }

  /** One that was admitted has gone. */
  leave(listenerName: string, address: string): void {
    const ofAddress = this.#perAddress.get(address);
    assert(ofAddress !== undefined && this.#count > 0, "a connection was counted in");
    this.#count--;
    if (ofAddress === 1) this.#perAddress.delete(address);
    else this.#perAddress.set(address, ofAddress - 1);
    this.#lineOf(listenerName).count--;
    for (const line of this.#lines.values()) line.advance();
  }

  /** A limit is another: who waits may come in, and who is too many has to go. */
  limitsChanged(): void {
    for (const line of this.#lines.values()) line.advance();
    this.#closeExcess();
  }

  /** Whoever waits is turned away. */
  stop(): void {
    for (const line of this.#lines.values()) line.stop("the node stops");
  }

  /** KIP-402: one that may come in whatever the others take. */
  isProtected(listenerName: string): boolean {
    return this.#lines.size > 1 && listenerName === this.#limits.interBrokerListenerName;
  }

  hasPlace(line: Line): boolean {
    if (line.count >= this.#limits.maxConnectionsOf(line.listenerName)) return false;
    return this.isProtected(line.listenerName) || this.#count < this.#limits.maxConnections;
  }

  /** Counts one that wants to come in; for how long it has to wait. */
  delayMs(line: Line, nowMs: number): number {
    const { maxConnectionCreationRate, rateWindow } = this.#limits;
    const ofListener = this.#limits.maxConnectionCreationRateOf(line.listenerName);
    const delaysMs = [countOne(line.rate, ofListener, nowMs)];
    if (!this.isProtected(line.listenerName)) {
      delaysMs.push(countOne(this.#rate, maxConnectionCreationRate, nowMs));
    }
    return Math.min(Math.max(...delaysMs), rateWindow.sampleMs);
  }

  enter(line: Line, visitor: Visitor): void {
    const { address } = visitor;
    const delayMs = this.#addressDelayMs(line, address);
    if (delayMs > 0) return this.#refuseLater(visitor, delayMs);
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const max =
      this.#limits.maxConnectionsPerIpOverrides.get(address) ?? this.#limits.maxConnectionsPerIp;
    if (ofAddress >= max) {
      return visitor.refuse(`it has ${ofAddress} connections, its maximum`, 0);
    }
    this.#perAddress.set(address, ofAddress + 1);
    this.#count++;
    line.count++;
    visitor.admit();
    this.#closeExcess();
  }

  #closeExcess(): void {
    const excess = this.#count - this.#limits.maxConnections;
    if (excess > 0) this.#tooMany(excess);
  }

  /** Who is too fast does not count against the listener. */
  #addressDelayMs(line: Line, address: string): number {
    const limit = this.#limits.connectionRateOf(address);
    if (limit === Infinity) return 0;
    const nowMs = this.#clock.monotonicMs();
    const { meter } = this.#addressRates.of({ user: address, clientId: address }, nowMs);
    const delayMs = Math.min(countOne(meter, limit, nowMs), this.#limits.rateWindow.sampleMs);
    if (delayMs === 0) return 0;
    meter.record(-1, nowMs);
    line.rate.record(-1, nowMs);
    if (!this.isProtected(line.listenerName)) this.#rate.record(-1, nowMs);
    return delayMs;
  }

  /** It finds out late, so that it does not come back at once. */
  #refuseLater(visitor: Visitor, delayMs: number): void {
    const reason = "it makes connections too fast";
    if (this.#refusedLaterCount >= WAITING_MAX) return visitor.refuse(reason, 0);
    this.#refusedLaterCount++;
    this.#clock.schedule(delayMs, () => this.#refusedLaterCount--);
    visitor.refuse(reason, delayMs);
  }

  #lineOf(listenerName: string): Line {
    const line = this.#lines.get(listenerName);
    assert(line !== undefined, `there is a listener ${listenerName}`);
    return line;
  }
}

/** Those who wait at one listener, in the order in which they came. */
class Line {
  readonly rate: Rate;
  /** Connections that are in. */
  count = 0;
  readonly #clock: Clock;
  readonly #gate: ConnectionGate;
  readonly #visitors = new Queue<Visitor>();
  /** When the rates let the first in; null while it is not counted. */
  #readyMs: number | null = null;
  #timer: Timer | null = null;

  constructor(
    clock: Clock,
    gate: ConnectionGate,
    readonly listenerName: string,
    window: ServerLimits["rateWindow"],
  ) {
    this.#clock = clock;
    this.#gate = gate;
    this.rate = new Rate(window);
  }

  arrive(visitor: Visitor): void {
    if (this.#visitors.length >= WAITING_MAX) {
      return visitor.refuse(`${this.#visitors.length} others wait already`, 0);
    }
    this.#visitors.push(visitor);
    this.advance();
    if (this.#visitors.length > 0) visitor.wait();
  }

  advance(): void {
    while (this.#visitors.length > 0) {
      const visitor = this.#visitors.first();
      if (!visitor.isGone && !this.#isItsTurn()) return;
      this.#visitors.shift();
      this.#readyMs = null;
      if (!visitor.isGone) this.#gate.enter(this, visitor);
    }
  }

  stop(why: string): void {
    this.#timer?.cancel();
    while (this.#visitors.length > 0) this.#visitors.shift().refuse(why, 0);
  }

  #isItsTurn(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#readyMs ??= nowMs + this.#gate.delayMs(this, nowMs);
    if (nowMs < this.#readyMs) this.#lookAgainIn(this.#readyMs - nowMs);
    // Others leave, or the limit of a listener is raised: of that nobody tells.
    else if (!this.#gate.hasPlace(this)) this.#lookAgainIn(LOOK_EVERY_MS);
    else return true;
    return false;
  }

  #lookAgainIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(delayMs, () => this.advance());
  }
}

/** At one listener; Kafka's backlog is of the same kind. */
const WAITING_MAX = 1000;
const LOOK_EVERY_MS = 1000;
const INT_MAX = 2 ** 31 - 1;

/** Without a limit there is nothing to count. */
function countOne(rate: Rate, limit: number, nowMs: number): number {
  if (limit >= INT_MAX) return 0;
  rate.record(1, nowMs);
  return rate.msUntil(limit, nowMs);
}
