/**
 * The requests of one connection, in the order in which they came. They may finish in any order
 * and are answered in this one. Pure.
 *
 *   oldest                                                newest
 *   | finished | running | finished | running | waiting | waiting |
 *                                               ^ #started
 *
 * Two requests run at once only if both may overlap. One that may not waits until all before it
 * are finished, and all behind it wait for it: what a client sends in Kafka's order has Kafka's
 * outcome.
 *
 * Invariants: nothing behind `#started` has started, everything before it has; `#runningCount`
 * counts those before it that are not finished; nothing starts while `#holder` is one of them.
 */
import type { Undertaking } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import type { Exchange } from "./exchange.ts";

export class ResponseQueue {
  readonly #exchanges = new Queue<Exchange>();
  #started = 0;
  #runningCount = 0;
  /** Those behind it wait until it is finished. */
  #holder: Exchange | null = null;

  get length(): number {
    return this.#exchanges.length;
  }

  get runningCount(): number {
    return this.#runningCount;
  }

  get waitingCount(): number {
    return this.#exchanges.length - this.#started;
  }

  /** What the next answer is for; null when there is nothing to answer. */
  get oldest(): Exchange | null {
    return this.#exchanges.length === 0 ? null : this.#exchanges.first();
  }

  push(exchange: Exchange): void {
    this.#exchanges.push(exchange);
  }

  /** The next that may run, which counts as running from here on; null when it has to wait. */
  startNext(): Exchange | null {
    if (this.#started === this.#exchanges.length) return null;
    const next = this.#exchanges.at(this.#started);
    if (this.#holder !== null || (this.#runningCount > 0 && !next.mayOverlap)) return null;
    this.#started++;
    this.#runningCount++;
    if (!next.mayOverlap) this.#holder = next;
    return next;
  }

  /** Nothing behind it starts before it is finished; it was the last to start. */
  holdBack(exchange: Exchange): void {
    if (!exchange.isFinished) this.#holder = exchange;
  }

  /** A running exchange has been finished. */
  finished(exchange: Exchange): void {
    assert(exchange.isFinished && this.#runningCount > 0, "only what runs can finish");
    this.#runningCount--;
    if (this.#holder === exchange) this.#holder = null;
  }

  /** The oldest if it is finished: the next whose answer is to be sent. */
  shiftFinished(): Exchange | null {
    if (this.#started === 0) return null;
    const { isFinished, waitsFor } = this.#exchanges.first();
    if (!isFinished || waitsFor !== null) return null;
    this.#started--;
    return this.#exchanges.shift();
  }

  /** What the oldest waits for, all else being done for it. */
  get waitsFor(): Undertaking | null {
    return this.#started === 0 ? null : this.#exchanges.first().waitsFor;
  }

  /** Drops all that do not run; those that do are their handler's until it is done. */
  drop(): Exchange[] {
    const dropped: Exchange[] = [];
    for (let index = 0; index < this.#exchanges.length; index++) {
      const exchange = this.#exchanges.at(index);
      if (index >= this.#started || exchange.isFinished) dropped.push(exchange);
    }
    this.#exchanges.clear();
    this.#started = 0;
    this.#runningCount = 0;
    this.#holder = null;
    return dropped;
  }
}
