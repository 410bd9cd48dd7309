/**
 * Memory that frames lie in: a chunk as it was received, or a pooled buffer in which a frame was
 * gathered. It counts its owners and goes back when the last one lets go.
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
  /** Null for a chunk, which is the garbage collector's. */
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
    this.#pool?.give(this.bytes);
  }
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
