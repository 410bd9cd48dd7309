/**
 * Walking the batches of a segment from one position to another, in large reads.
 *
 *   [....chunk of the file....]        the batch that does not fit whole is read again with the
 *   [batch][batch][batch][bat          next chunk; one larger than a chunk makes the chunk grow
 */
import type { DiskFile } from "../base/world.ts";
import { BATCH_SIZE_TO_MAGIC, batchSize, nextBatchSize } from "../protocol/record-batch.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

const CHUNK_SIZE = 1 << 20;

/** Gets a whole batch; false ends the walk before it. */
export type VisitBatch = (bytes: Buffer, at: number, size: number, position: number) => boolean;

/**
 * Returns where it ended: behind the last batch that was whole and wanted. What lies there cannot
 * be a batch, is not whole before `to`, or was refused.
 */
export async function scanBatches(
  file: DiskFile,
  from: number,
  to: number,
  visit: VisitBatch,
  chunkSize = CHUNK_SIZE,
): Promise<number> {
  const walk = new Walk(from, to, visit, newChunk(from, to, chunkSize));
  while (walk.goesOn) {
    const { chunk, length, position } = walk;
    let count = file.readCached(chunk, 0, length, position);
    if (count < length) count = await file.readLater(chunk, 0, length, position);
    walk.take(count);
  }
  return walk.position;
}

/** The same at once, for the few places that cannot wait. `buffer` spares one a walk. */
export function scanBatchesNow(
  file: DiskFile,
  from: number,
  to: number,
  visit: VisitBatch,
  buffer: Buffer | null = null,
): number {
  const walk = new Walk(from, to, visit, buffer ?? newChunk(from, to, CHUNK_SIZE));
  while (walk.goesOn) {
    const { chunk, length, position } = walk;
    walk.take(file.read(chunk, 0, length, position));
  }
  return walk.position;
}

function newChunk(from: number, to: number, sizeMax: number): Buffer {
  return Buffer.allocUnsafe(Math.min(sizeMax, Math.max(BATCH_SIZE_TO_MAGIC, to - from)));
}

class Walk {
  position: number;
  /** What is at `position` is to be read into it, as far as `length`. */
  chunk: Buffer;
  #isOver = false;
  readonly #to: number;
  readonly #visit: VisitBatch;

  constructor(from: number, to: number, visit: VisitBatch, chunk: Buffer) {
    this.position = from;
    this.chunk = chunk;
    this.#to = to;
    this.#visit = visit;
  }

  get goesOn(): boolean {
    return !this.#isOver && this.position < this.#to;
  }

  get length(): number {
    return Math.min(this.chunk.length, this.#to - this.position);
  }

  /** So many bytes were read. */
  take(count: number): void {
    const isCut = count < this.length;
    const size = this.#visitAll(count);
    this.position += size;
    if (isCut) this.#isOver = true;
    if (this.#isOver || size > 0) return;
    const wanted = sizeOfFirst(this.chunk, count);
    if (wanted === 0 || wanted > this.#to - this.position) this.#isOver = true;
    else if (wanted > this.chunk.length) this.chunk = Buffer.allocUnsafe(wanted);
  }

  /** Those that are whole. Returns where it stopped. */
  #visitAll(end: number): number {
    let at = 0;
    while (at < end) {
      const size = wholeBatchSize(this.chunk, at, end);
      if (size === 0) return at;
      if (size < 0 || !this.#visit(this.chunk, at, size, this.position + at)) {
        this.#isOver = true;
        return at;
      }
      at += size;
    }
    return at;
  }
}

/** 0 when the batch goes on behind `end`, -1 when it is none. */
function wholeBatchSize(bytes: Buffer, at: number, end: number): number {
  try {
    return nextBatchSize(bytes, at, end);
  } catch (error) {
    if (error instanceof ProtocolError) return -1;
    throw error;
  }
}

/** What the first batch of a chunk wants to have, though it is not whole; 0 when none begins. */
function sizeOfFirst(bytes: Buffer, count: number): number {
  return count < BATCH_SIZE_TO_MAGIC ? 0 : batchSize(bytes, 0);
}
