/** Chance from a seed (xoshiro128**, seeded by splitmix32): the same seed gives the same run. */
import { assert } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/world.ts";

export class FakeRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(readonly seed: number) {
    const next = splitmix32(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  uint32(): number {
    const five = Math.imul(this.#b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at++) target[at] = this.uint32() >>> 24;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    assert(bound >= 1 && bound <= 2 ** 32, "a bound from 1 to 2^32");
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  /** A whole number from `lowest` to `highest`, both included. */
  between(lowest: number, highest: number): number {
    return lowest + this.below(highest - lowest + 1);
  }

  /** True in `share` (0 to 1) of all calls. */
  chance(share: number): boolean {
    return this.uint32() < share * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    this.fill(bytes);
    return bytes;
  }

  /** A stream of its own: what one part draws does not change what another part gets. */
  fork(): FakeRandom {
    return new FakeRandom(this.uint32());
  }
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
}
