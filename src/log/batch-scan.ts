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
  let chunk = Buffer.allocUnsafe(Math.min(chunkSize, Math.max(BATCH_SIZE_TO_MAGIC, to - from)));
  let position = from;
  while (position < to) {
    const length = Math.min(chunk.length, to - position);
    let count = file.readCached(chunk, 0, length, position);
    if (count < length) count = await file.readLater(chunk, 0, length, position);
    const walked = walk(chunk, count, position, visit);
    position += walked.size;
    if (walked.isOver || count < length) return position;
    if (walked.size > 0) continue;
    const wanted = sizeOfFirst(chunk, count);
    if (wanted === 0 || wanted > to - position) return position;
    if (wanted > chunk.length) chunk = Buffer.allocUnsafe(wanted);
  }
  return position;
}

/** The same at once, for the few places that cannot wait. `buffer` spares one a walk. */
export function scanBatchesNow(
  file: DiskFile,
  from: number,
  to: number,
  visit: VisitBatch,
  buffer: Buffer | null = null,
): number {
  const size = Math.min(CHUNK_SIZE, Math.max(BATCH_SIZE_TO_MAGIC, to - from));
  let chunk = buffer ?? Buffer.allocUnsafe(size);
  let position = from;
  while (position < to) {
    const length = Math.min(chunk.length, to - position);
    const count = file.read(chunk, 0, length, position);
    const walked = walk(chunk, count, position, visit);
    position += walked.size;
    if (walked.isOver || count < length) return position;
    if (walked.size > 0) continue;
    const wanted = sizeOfFirst(chunk, count);
    if (wanted === 0 || wanted > to - position) return position;
    if (wanted > chunk.length) chunk = Buffer.allocUnsafe(wanted);
  }
  return position;
}

function walk(
  bytes: Buffer,
  end: number,
  position: number,
  visit: VisitBatch,
): { size: number; isOver: boolean } {
  let at = 0;
  while (at < end) {
    const size = wholeBatchSize(bytes, at, end);
    if (size === 0) return { size: at, isOver: false };
    if (size < 0 || !visit(bytes, at, size, position + at)) return { size: at, isOver: true };
    at += size;
  }
  return { size: at, isOver: false };
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
