/**
 * Buffers that are used again, in sizes of powers of two from 4 KiB to 1 MiB, or to what the owner
 * of the pool says.
 *
 * A buffer taken has one owner until it is given back, and is not looked at afterwards. Bigger
 * ones are made for one use: they are rare, and keeping them would hold memory for nothing.
 */
import { assert } from "../../base/assert.ts";

const SIZE_MIN_LOG2 = 12;
const SIZE_MAX = 2 ** 20;

export class BufferPool {
  readonly #free: Buffer[][] = [];
  readonly #freeBytesMax: number;
  #freeBytes = 0;

  /** `sizeMax`: of a buffer that is kept; a power of two. */
  constructor(freeBytesMax = 16 * 1024 * 1024, sizeMax = SIZE_MAX) {
    this.#freeBytesMax = freeBytesMax;
    for (let size = 2 ** SIZE_MIN_LOG2; size <= sizeMax; size *= 2) this.#free.push([]);
  }

  /** Bytes that lie ready. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** At least `sizeMin` bytes, of unknown content. */
  take(sizeMin: number): Buffer {
    const index = indexOf(sizeMin);
    if (index >= this.#free.length) return Buffer.allocUnsafeSlow(sizeMin);
    const buffer = this.#free[index]!.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(2 ** (SIZE_MIN_LOG2 + index));
    this.#freeBytes -= buffer.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    const index = indexOf(buffer.length);
    if (index >= this.#free.length) return;
    assert(buffer.length === 2 ** (SIZE_MIN_LOG2 + index), "a buffer that was taken from a pool");
    if (this.#freeBytes + buffer.length > this.#freeBytesMax) return;
    this.#freeBytes += buffer.length;
    this.#free[index]!.push(buffer);
  }
}

function indexOf(size: number): number {
  if (size <= 2 ** SIZE_MIN_LOG2) return 0;
  return 32 - Math.clz32(size - 1) - SIZE_MIN_LOG2;
}
