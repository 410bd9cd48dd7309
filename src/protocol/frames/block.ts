/**
 * Memory that frames lie in: a chunk as it was received, or a pooled buffer in which a frame was
 * gathered. It counts its owners and goes back when the last one lets go: to its pool, or, a large
 * chunk, to the allocator. Nobody may look at it then.
 */
import { assert } from "../../base/assert.ts";
import type { BufferPool } from "./buffer-pool.ts";

/** Where the memory of frames is counted. */
export interface FrameMemory {
  take(size: number): void;
  give(size: number): void;
}

export class Block {
  readonly #memory: FrameMemory;
  /** Null for a chunk. */
  readonly #pool: BufferPool | null;
  #owners = 1;

  constructor(
    readonly bytes: Buffer,
    memory: FrameMemory,
    pool: BufferPool | null,
  ) {
    this.#memory = memory;
    this.#pool = pool;
    memory.take(bytes.length);
  }

  addOwner(): void {
    assert(this.#owners > 0, "a block that was let go gets no new owner");
    this.#owners++;
  }

  release(): void {
    assert(this.#owners > 0, "a block is let go once by each of its owners");
    this.#owners--;
    if (this.#owners > 0) return;
    this.#memory.give(this.bytes.length);
    if (this.#pool !== null) this.#pool.give(this.bytes);
    else if (this.bytes.length >= FREED_SIZE_MIN) free(this.bytes);
  }
}

/** What is smaller costs more to free than it costs to collect. */
const FREED_SIZE_MIN = 16 * 1024;

/**
 * At once, in place of when garbage is collected: what comes next lies in the same memory, which
 * the kernel has mapped and the processor has at hand. Of 256 KiB batches a third more get through.
 */
function free({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/** One request's bytes, without the size in front: `block.bytes[start...end]`. */
export class Frame {
  #isReleased = false;

  constructor(
    readonly block: Block,
    readonly start: number,
    readonly end: number,
  ) {}

  /** Exactly once, by the one owner of the frame. */
  release(): void {
    assert(!this.#isReleased, "a frame is released once");
    this.#isReleased = true;
    this.block.release();
  }
}
