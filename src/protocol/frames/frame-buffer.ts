/**
 * Cuts what a connection receives into frames. Pure: bytes in, frames out.
 *
 *   chunk     | size | frame ......... | size | frame .. | size | fra        (as received)
 *                      ^^^^^^^^^^^^^^^ given out in place         |
 *   gathered                                             | size | frame ................. |
 *                                                          copied once, when it straddles chunks
 *
 * - A frame that lies within one chunk is never copied.
 * - A frame that straddles chunks is gathered in a pooled buffer. That grows fourfold with the
 *   bytes that have come, up to the frame's size, and never to a size that was only declared: at
 *   most a quarter of a frame is copied again, and a client holds at most four times what it sent.
 *   Of who is trusted, frames up to some size get all their memory at once.
 * - A size is checked before a byte behind it is kept.
 *
 * Invariants: at most one of `#gathering` and an unread rest of `#chunk` outlives `next()`; every
 * block has been released when the buffer was cleared and all frames have been.
 */
import { ProtocolError } from "../protocol-error.ts";
import { Block, Frame, type FrameMemory } from "./block.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { REQUEST_SIZE_MIN, refusalOfSize } from "./frame-size.ts";

const PREFIX_SIZE = 4;
const GATHER_SIZE_MIN = 4096;
const GROWTH = 4;

export class FrameBuffer {
  readonly #frameSizeMax: number;
  readonly #frameSizeMin: number;
  readonly #memory: FrameMemory;
  readonly #pool: BufferPool;
  readonly #trustedSizeMax: number;
  #chunk: Block | null = null;
  /** Unread bytes of the chunk: from #position to #end. */
  #position = 0;
  #end = 0;
  #gathering: Block | null = null;
  /** Bytes gathered, and how many make the frame whole; the prefix alone while it is unknown. */
  #gathered = 0;
  #wanted = PREFIX_SIZE;

  /** No larger frame is let in. */
  constructor(
    memory: FrameMemory,
    pool: BufferPool,
    frameSizeMax: number,
    frameSizeMin = REQUEST_SIZE_MIN,
    trustedSizeMax = 0,
  ) {
    this.#trustedSizeMax = trustedSizeMax;
    this.#frameSizeMin = frameSizeMin;
    this.#memory = memory;
    this.#pool = pool;
    this.#frameSizeMax = frameSizeMax;
  }

  /** Whether the start of a frame waits for the rest of it. */
  get hasPartialFrame(): boolean {
    return this.#gathering !== null;
  }

  /**
   * API key and version of the frame whose rest has not come yet; null while they are not known.
   * They say as much of a stranger as the whole frame would.
   */
  get partialApi(): { readonly key: number; readonly version: number } | null {
    const block = this.#gathering;
    if (block === null || this.#gathered < PREFIX_SIZE + 4) return null;
    const { bytes } = block;
    return { key: bytes.readInt16BE(PREFIX_SIZE), version: bytes.readInt16BE(PREFIX_SIZE + 2) };
  }

  /** Whether `next()` has not seen all that was pushed. */
  get hasUnread(): boolean {
    return this.#position < this.#end;
  }

  /** The chunk belongs to the buffer from here on. All frames before it have been taken. */
  push(chunk: Buffer): void {
    const unread = this.#end - this.#position;
    const bytes = unread === 0 ? chunk : this.#joined(chunk);
    this.#releaseChunk();
    this.#chunk = new Block(bytes, this.#memory, null);
    this.#position = 0;
    this.#end = bytes.length;
  }

  /** The next whole frame, with its owner's share of the block; null when there is none yet. */
  next(): Frame | null {
    if (this.#gathering !== null) return this.#gather();
    const chunk = this.#chunk;
    if (chunk === null) return null;
    const available = this.#end - this.#position;
    if (available >= PREFIX_SIZE) {
      const size = this.#checked(chunk.bytes.readInt32BE(this.#position));
      if (available >= PREFIX_SIZE + size) return this.#inPlace(chunk, size);
    }
    if (available === 0) {
      this.#releaseChunk();
      return null;
    }
    this.#startGathering(chunk, available);
    return this.#gather();
  }

  /** Drops what is left; frames that were given out stay their owners'. */
  clear(): void {
    this.#releaseChunk();
    this.#gathering?.release();
    this.#gathering = null;
  }

  #inPlace(chunk: Block, size: number): Frame {
    const start = this.#position + PREFIX_SIZE;
    this.#position = start + size;
    if (this.#position < this.#end) {
      chunk.addOwner();
      return new Frame(chunk, start, start + size);
    }
    // The last frame takes over the buffer's own share.
    this.#chunk = null;
    return new Frame(chunk, start, start + size);
  }

  #startGathering(chunk: Block, available: number): void {
    this.#gathered = 0;
    this.#wanted = PREFIX_SIZE;
    if (available >= PREFIX_SIZE) this.#wanted += chunk.bytes.readInt32BE(this.#position);
    this.#gathering = this.#blockFor(available);
  }

  /** Moves bytes from the chunk to the frame that is gathered; returns it when it is whole. */
  #gather(): Frame | null {
    for (;;) {
      this.#fill();
      if (this.#gathered < this.#wanted) return null;
      const block = this.#gathering!;
      if (this.#wanted === PREFIX_SIZE) {
        this.#wanted += this.#checked(block.bytes.readInt32BE(0));
        continue;
      }
      this.#gathering = null;
      return new Frame(block, PREFIX_SIZE, this.#wanted);
    }
  }

  #fill(): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    const count = Math.min(this.#wanted - this.#gathered, this.#end - this.#position);
    const target = this.#withRoomFor(this.#gathered + count);
    chunk.bytes.copy(target, this.#gathered, this.#position, this.#position + count);
    this.#gathered += count;
    this.#position += count;
    if (this.#position === this.#end) this.#releaseChunk();
  }

  #withRoomFor(size: number): Buffer {
    const old = this.#gathering!;
    if (size <= old.bytes.length) return old.bytes;
    const block = this.#blockFor(size);
    old.bytes.copy(block.bytes, 0, 0, this.#gathered);
    this.#gathering = block;
    old.release();
    return block.bytes;
  }

  #blockFor(delivered: number): Block {
    const isTrusted = this.#wanted <= this.#trustedSizeMax && delivered > PREFIX_SIZE;
    const size = isTrusted
      ? this.#wanted
      : Math.min(this.#wanted, Math.max(GATHER_SIZE_MIN, GROWTH * delivered));
    return new Block(this.#pool.take(size), this.#memory, this.#pool);
  }

  /** Rare: a connection that should not read was given more before its frames were taken. */
  #joined(chunk: Buffer): Buffer {
    return Buffer.concat([this.#chunk!.bytes.subarray(this.#position, this.#end), chunk]);
  }

  #checked(size: number): number {
    if (size >= this.#frameSizeMin && size <= this.#frameSizeMax) return size;
    throw new ProtocolError(refusalOfSize(size, this.#frameSizeMax));
  }

  #releaseChunk(): void {
    this.#chunk?.release();
    this.#chunk = null;
    this.#position = 0;
    this.#end = 0;
  }
}
