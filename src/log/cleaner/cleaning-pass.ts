/**
 * One log is cleaned once: Kafka's Cleaner.
 *
 *   dirty part -> offset map        until its end, or until the map is full
 *   all segments up to there -> groups that fit one segment
 *   each group -> one new segment -> swapped in
 *
 * A thread does the work, piece by piece; here is what must know the log: which segments there
 * are, what the producers need, and the exchange at the end of each group. Between any two pieces
 * the pass may be given up: whole groups stay cleaned, the rest stays as it was.
 */
import type { WorkerThread } from "../../base/world.ts";
import { DECOMPRESSED_SIZE_MAX } from "../../protocol/record.ts";
import type { LogState } from "../log-state.ts";
import type { Segment } from "../segment.ts";
import type { AbortedTransaction } from "../transaction-index.ts";
import type { LastRecord } from "./batch-filter.ts";
import type { CleanableLog } from "./cleanable-log.ts";
import { newHashKey } from "./key-hash.ts";
import type { PassReply, PassRequest } from "./pass-messages.ts";
import { swapSegments } from "./swap-segments.ts";

export type CleanerThread = WorkerThread<PassRequest, PassReply>;

export interface PassOptions {
  readonly thread: CleanerThread;
  readonly mapBytesMax: number;
  readonly mapLoadFactor: number;
  readonly bufferBytes: number;
  /** After each piece, with its bytes; resolves when the next may come, or throws `PassGivenUp`. */
  readonly mayGoOn: (bytes: number) => Promise<void>;
  /** Bytes of a piece. */
  readonly pieceBytes: () => number;
}

export interface PassResult {
  /** All before it is clean. */
  endOffset: number;
  segmentsReplaced: number;
  segmentsMade: number;
  bytesIndexed: number;
  bytesRead: number;
  bytesWritten: number;
  recordsRead: number;
  recordsKept: number;
  keylessRecords: number;
  mapUtilization: number;
}

/** Somebody wants the log as it is, or the node stops: no failure. */
export class PassGivenUp extends Error {}

/** The log has what compaction does not understand. */
export class DamagedLog extends Error {}

/** Rejects with `PassGivenUp`, `DamagedLog`, `DiskError`, or when the thread has died. */
export async function cleanLog(cleanable: CleanableLog, options: PassOptions): Promise<PassResult> {
  const pass = new CleaningPass(cleanable, options);
  try {
    await pass.index();
    await pass.rewrite();
  } finally {
    await pass.end();
  }
  return pass.result;
}

class CleaningPass {
  readonly result: PassResult = {
    endOffset: 0,
    segmentsReplaced: 0,
    segmentsMade: 0,
    bytesIndexed: 0,
    bytesRead: 0,
    bytesWritten: 0,
    recordsRead: 0,
    recordsKept: 0,
    keylessRecords: 0,
    mapUtilization: 0,
  };
  readonly #cleanable: CleanableLog;
  readonly #state: LogState;
  readonly #options: PassOptions;

  constructor(cleanable: CleanableLog, options: PassOptions) {
    this.#cleanable = cleanable;
    this.#state = cleanable.log.state;
    this.#options = options;
    this.result.endOffset = cleanable.firstDirtyOffset;
  }

  async index(): Promise<void> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#cleanable;
    const { host, place, config, segments } = this.#state;
    const { mapBytesMax, mapLoadFactor, bufferBytes } = this.#options;
    const dirty = segments.inRange(firstDirtyOffset, firstUncleanableOffset);
    await this.#ask("done", {
      kind: "begin",
      directory: place.directory,
      mapBytesMax,
      mapLoadFactor,
      hashKey: newHashKey(host.random),
      bufferBytes,
      batchBytesMax: DECOMPRESSED_SIZE_MAX,
      nowMs: this.#state.nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      startOffset: firstDirtyOffset,
      endOffset: firstUncleanableOffset,
      dirty: dirty.map((segment, index) => ({
        baseOffset: segment.baseOffset,
        size: segment.size,
        position: positionOf(segment, firstDirtyOffset),
        nextBaseOffset: dirty[index + 1]?.baseOffset ?? firstUncleanableOffset,
      })),
      aborted: abortedBetween(this.#state, firstDirtyOffset, firstUncleanableOffset),
    });
    for (;;) {
      const bytesMax = this.#options.pieceBytes();
      const reply = await this.#ask("indexed", { kind: "index", bytesMax });
      this.result.bytesIndexed += reply.bytesRead;
      this.result.mapUtilization = reply.mapUtilization;
      await this.#options.mayGoOn(reply.bytesRead);
      if (!reply.isComplete) continue;
      this.result.endOffset = reply.endOffset;
      return;
    }
  }

  async rewrite(): Promise<void> {
    const { config, segments } = this.#state;
    const { firstUncleanableOffset } = this.#cleanable;
    const all = segments.inRange(0, this.result.endOffset);
    const { groupSizes } = await this.#ask("planned", {
      kind: "plan",
      segments: all.map(({ baseOffset, size }) => ({ baseOffset, size })),
      segmentBytes: config.segmentBytes,
      segmentIndexBytes: config.segmentIndexBytes,
    });
    let start = 0;
    for (const size of groupSizes) {
      await this.#options.mayGoOn(0);
      const group = all.slice(start, start + size);
      start += size;
      const endOffset = all[start]?.baseOffset ?? firstUncleanableOffset;
      await this.#rewriteGroup(group, endOffset);
    }
  }

  /** Whatever became of the pass, the thread forgets it. */
  async end(): Promise<void> {
    // A thread that has died has forgotten.
    await this.#options.thread.call({ kind: "end" }).catch(() => undefined);
  }

  async #rewriteGroup(group: readonly Segment[], endOffset: number): Promise<void> {
    const state = this.#state;
    const { indexIntervalBytes, segmentBytes } = state.config;
    await this.#ask("done", {
      kind: "rewrite",
      sources: group.map((segment, index) => {
        const next = group[index + 1]?.baseOffset ?? endOffset;
        const { baseOffset, size } = segment;
        return { baseOffset, size, aborted: abortedBetween(state, baseOffset, next) };
      }),
      lastRecords: lastRecordsWithin(state, group[0]!.baseOffset, endOffset),
      indexIntervalBytes,
      segmentBytes,
    });
    const before = { ...this.result };
    for (;;) {
      const bytesMax = this.#options.pieceBytes();
      const reply = await this.#ask("copied", { kind: "copy", bytesMax });
      const { result } = this;
      result.bytesRead += reply.bytesRead;
      result.bytesWritten += reply.bytesWritten;
      result.recordsRead = before.recordsRead + reply.recordsRead;
      result.recordsKept = before.recordsKept + reply.recordsKept;
      result.keylessRecords = before.keylessRecords + reply.keylessRecords;
      await this.#options.mayGoOn(reply.bytesRead + reply.bytesWritten);
      if (!reply.isComplete) continue;
      await swapSegments(state, group, reply.size);
      result.segmentsReplaced += group.length;
      result.segmentsMade++;
      return;
    }
  }

  async #ask<K extends PassReply["kind"]>(
    expected: K,
    request: PassRequest,
  ): Promise<Extract<PassReply, { kind: K }>> {
    const reply = await this.#options.thread.call(request);
    if (reply.kind === "damaged") throw new DamagedLog(reply.message);
    if (reply.kind !== expected) throw new Error(`${reply.kind} is no answer to ${request.kind}`);
    return reply as Extract<PassReply, { kind: K }>;
  }
}

/** What is before the first dirty offset need not be read for the map. */
function positionOf(segment: Segment, firstDirtyOffset: number): number {
  if (segment.baseOffset >= firstDirtyOffset) return 0;
  const { offsetIndex } = segment;
  return offsetIndex.lookup(firstDirtyOffset, true) === 1 ? offsetIndex.foundPosition : 0;
}

/** Those that have records below `to` and a marker that is not before the log's start. */
function abortedBetween(state: LogState, from: number, to: number): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  let segment = state.segments.floor(from);
  while (segment !== null) {
    if (segment.transactionIndex.collect(state.logStartOffset, to, found)) break;
    segment = state.segments.higher(segment);
  }
  return found;
}

/** Of producers that may go on: what of theirs may be in these segments and has to stay. */
function lastRecordsWithin(state: LogState, from: number, to: number): LastRecord[] {
  const found: LastRecord[] = [];
  for (const entry of state.producers.state.producers.values()) {
    const { producerId, epoch, lastOffset: lastDataOffset } = entry;
    const mayBeHere = lastDataOffset === -1 || (lastDataOffset >= from && lastDataOffset < to);
    if (mayBeHere) found.push({ producerId, lastDataOffset, epoch });
  }
  return found;
}
