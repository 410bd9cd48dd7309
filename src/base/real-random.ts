/** Chance of the machine: the operating system's generator, fetched a block at a time. */
import type { Random } from "./world.ts";

const BLOCK_SIZE = 1024;
/** What one call of `getRandomValues` may fill. */
const FILL_SIZE_MAX = 65536;

export function realRandom(): Random {
  return new RealRandom();
}

class RealRandom implements Random {
  readonly #block = new Uint32Array(BLOCK_SIZE / 4);
  #used = this.#block.length;

  uint32(): number {
    if (this.#used === this.#block.length) {
      crypto.getRandomValues(this.#block);
      this.#used = 0;
    }
    const value = this.#block[this.#used]!;
    // What was handed out may become a secret: it does not stay in memory here.
    this.#block[this.#used++] = 0;
    return value;
  }

  fill(target: Uint8Array): void {
    for (let from = 0; from < target.length; from += FILL_SIZE_MAX) {
      const to = Math.min(target.length, from + FILL_SIZE_MAX);
      crypto.getRandomValues(new Uint8Array(target.buffer, target.byteOffset + from, to - from));
    }
  }
}
