/**
 * The answers of one connection that the kernel has not taken whole, in order: whoever has the
 * socket says how far it is, and each is recorded when its last byte is gone. Its bytes are not
 * held here.
 *
 *   pushed     | answer | answer | answer | answer |
 *   taken up to                     ^
 */
import type { Exchange } from "./exchange.ts";

export class UnsentList {
  #first: Exchange | null = null;
  #last: Exchange | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  push(exchange: Exchange): void {
    if (this.#last === null) this.#first = exchange;
    else this.#last.next = exchange;
    this.#last = exchange;
  }

  takenUpTo(position: number, nowMs: number): void {
    let exchange = this.#first;
    while (exchange !== null && exchange.endPosition <= position) {
      const { next } = exchange;
      exchange.stats.sent(exchange, nowMs);
      exchange.next = null;
      exchange = next;
    }
    this.#first = exchange;
    if (exchange === null) this.#last = null;
  }
}
