/** First in, first out: a ring that doubles when it is full and never moves what is in it else. */
import { assert } from "./assert.ts";

const CAPACITY_MIN = 8;

export class Queue<T> {
  #ring: (T | undefined)[] = new Array<T | undefined>(CAPACITY_MIN).fill(undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item;
    this.#length++;
  }

  /** The oldest; the queue must not be empty. */
  shift(): T {
    const item = this.first();
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    if (this.#length === 0 && this.#ring.length > CAPACITY_SHRINK) this.#resize(CAPACITY_MIN);
    return item;
  }

  /** The oldest, left in its place; the queue must not be empty. */
  first(): T {
    return this.at(0);
  }

  /** Counted from the oldest. */
  at(index: number): T {
    assert(index >= 0 && index < this.#length, "an index within the queue");
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)] as T;
  }

  clear(): void {
    this.#ring = new Array<T | undefined>(CAPACITY_MIN).fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  #resize(capacity: number): void {
    const ring = new Array<T | undefined>(capacity).fill(undefined);
    for (let index = 0; index < this.#length; index++) ring[index] = this.at(index);
    this.#ring = ring;
    this.#head = 0;
  }
}

/** A ring grown beyond this by one burst is given back when it is empty. */
const CAPACITY_SHRINK = 1024;
