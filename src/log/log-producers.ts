/**
 * A log's producer state with its snapshot files: taken when a segment is left and when the log is
 * closed, read when the state is first asked for.
 *
 *   snapshot(s) ... records ... end of the log
 *
 * Invariant: once loaded, `state` is that of all records before `endOffset`.
 */
import type { Clock } from "../base/world.ts";
import {
  baseOffset,
  baseSequence,
  hasProducerId,
  isControl,
  isTransactional,
  lastOffset,
  lastSequence,
  magic,
  maxTimestamp,
  producerEpoch,
  producerId,
} from "../protocol/record-batch.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { scanBatches, scanBatchesNow, type VisitBatch } from "./batch-scan.ts";
import { readEndTransactionMarker } from "./end-transaction-marker.ts";
import { DELETED_SUFFIX, segmentFileName, SNAPSHOT_SUFFIX } from "./log-names.ts";
import type { RememberedBatch } from "./producer-entry.ts";
import { ProducerRecall } from "./producer-recall.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "./producer-snapshot.ts";
import { type CompletedTransaction, type ProducerBatch, ProducerState } from "./producer-state.ts";
import { FOUND, type Segment, type SegmentPlace } from "./segment.ts";
import type { Segments } from "./segments.ts";

export interface ProducerHost {
  readonly clock: Clock;
  readonly producerIdExpirationMs: number;
}

export class LogProducers {
  readonly #place: SegmentPlace;
  readonly #segments: Segments;
  /** All records before it are taken into account, or will be when the state is loaded. */
  endOffset = 0;
  #state: ProducerState | null = null;
  /** Offsets of the snapshot files, ascending. Replaced, never changed. */
  #snapshots: readonly number[];
  #lastSnapshotOffset = 0;
  /** What is to be loaded first: the log from here to there; -1 when it is loaded. */
  #unloadedFrom = -1;
  #unloadedTo = -1;
  /** Written, not synced. */
  #unsynced: readonly number[] = NONE;
  /** Null when the state was made of all records. */
  #recall: ProducerRecall | null = null;
  /** Decided transactions below it hold nobody back. */
  #highWatermark = 0;
  readonly #host: ProducerHost;

  constructor(
    host: ProducerHost,
    place: SegmentPlace,
    segments: Segments,
    snapshots: readonly number[],
  ) {
    this.#host = host;
    this.#place = place;
    this.#segments = segments;
    this.#snapshots = snapshots;
  }

  /** Reads the snapshot first when nobody has asked before. Waits. */
  get state(): ProducerState {
    if (this.#unloadedFrom !== -1) {
      // Records of no producer may have come meanwhile.
      const endNow = this.endOffset;
      this.reload(this.#unloadedFrom, this.#unloadedTo);
      this.endOffset = endNow;
    }
    this.#state ??= new ProducerState();
    return this.#state;
  }

  get snapshotOffsets(): readonly number[] {
    return this.#snapshots;
  }

  /** Nobody has asked for the state yet. */
  get isUnloaded(): boolean {
    return this.#unloadedFrom !== -1;
  }

  loadLater(logStartOffset: number, endOffset: number): void {
    this.#unloadedFrom = logStartOffset;
    this.#unloadedTo = endOffset;
    this.#lastSnapshotOffset = this.#snapshots.at(-1) ?? logStartOffset;
    this.endOffset = endOffset;
  }

  /** From the newest good snapshot not behind `endOffset`, and the records behind it. Waits. */
  reload(logStartOffset: number, endOffset: number): void {
    this.loadSnapshot(logStartOffset, endOffset);
    this.#replay(endOffset);
    this.endOffset = endOffset;
    this.state.highWatermarkMoved(this.#highWatermark);
  }

  /** The same without holding up the event loop: for start-up, when nobody else has the log. */
  async reloadSlowly(logStartOffset: number, endOffset: number): Promise<void> {
    this.loadSnapshot(logStartOffset, endOffset);
    for (const segment of this.#segments.between(this.endOffset, endOffset)) {
      if (!this.#findReplayStart(segment)) continue;
      const { foundPosition } = segment;
      const handle = segment.log;
      const file = handle.retain();
      await scanBatches(file, foundPosition, segment.size, this.#replayUpTo(endOffset));
      handle.release();
    }
    this.endOffset = endOffset;
  }

  /** The snapshot alone; the caller brings the records from `state.endOffset` on. */
  loadSnapshot(logStartOffset: number, endOffset: number): void {
    this.#unloadedFrom = -1;
    for (const offset of this.#snapshots) {
      if (offset > endOffset || offset < logStartOffset) this.removeSnapshot(offset);
    }
    for (let offset = this.#snapshots.at(-1); offset !== undefined;) {
      try {
        const entries = decodeProducerSnapshot(this.#place.disk.readWhole(this.#pathOf(offset)));
        const nowMs = this.#host.clock.wallMs();
        const live = entries.filter(
          (entry) =>
            entry.transactionFirstOffset !== -1 ||
            nowMs - entry.lastTimestamp < this.#host.producerIdExpirationMs,
        );
        this.state.reset(live);
        this.#recall = new ProducerRecall(this.#segments, offset);
        this.endOffset = offset;
        this.#lastSnapshotOffset = offset;
        return;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.removeSnapshot(offset);
        offset = this.#snapshots.at(-1);
      }
    }
    this.state.reset([]);
    this.#recall = null;
    this.endOffset = logStartOffset;
    this.#lastSnapshotOffset = logStartOffset;
  }

  /** The batch with exactly these sequence numbers, when it is among the producer's last five. */
  findDuplicate(bytes: Buffer): RememberedBatch | null {
    const entry = this.state.get(producerId(bytes, 0));
    if (entry === undefined) return null;
    const epoch = producerEpoch(bytes, 0);
    const [first, last] = [baseSequence(bytes, 0), lastSequence(bytes, 0)];
    const found = entry.findDuplicate(epoch, first, last);
    if (found !== null || this.#recall === null) return found;
    if (!entry.mayHaveForgotten(epoch, last)) return null;
    this.#recall.recall(this.state, entry);
    return entry.findDuplicate(epoch, first, last);
  }

  /** Takes a batch that is in the log into account; returns the transaction that it decides. */
  add(bytes: Buffer, at: number): CompletedTransaction | null {
    if (magic(bytes, at) < 2 || !hasProducerId(bytes, at)) return null;
    if (!isControl(bytes, at)) {
      this.state.addBatch(producerBatchOf(bytes, at));
      return null;
    }
    const marker = readEndTransactionMarker(bytes, at);
    if (marker === null) return null;
    return this.state.addMarker({
      producerId: producerId(bytes, at),
      epoch: producerEpoch(bytes, at),
      offset: baseOffset(bytes, at),
      ...marker,
    });
  }

  /** Begins anew, without a record. */
  startAt(offset: number): void {
    this.#unloadedFrom = -1;
    for (const snapshot of this.#snapshots) this.removeSnapshot(snapshot);
    this.state.reset([]);
    this.#recall = null;
    this.endOffset = offset;
    this.#lastSnapshotOffset = 0;
  }

  /** Writes a snapshot of now, unless there is one. It is synced with the log. */
  takeSnapshot(): void {
    const offset = this.endOffset;
    if (offset <= this.#lastSnapshotOffset) return;
    const bytes = encodeProducerSnapshot(this.state.producers);
    const file = this.#place.disk.open(this.#pathOf(offset), "create");
    try {
      file.truncate(0);
      file.write(bytes, 0, bytes.length, 0);
    } finally {
      file.close();
    }
    this.#lastSnapshotOffset = offset;
    if (this.#snapshots.at(-1) !== offset) this.#snapshots = [...this.#snapshots, offset];
    this.#unsynced = [...this.#unsynced, offset];
  }

  get hasUnsyncedSnapshots(): boolean {
    return this.#unsynced.length > 0;
  }

  async syncSnapshots(): Promise<void> {
    const unsynced = this.#unsynced;
    this.#unsynced = NONE;
    for (const offset of unsynced) {
      if (this.#place.disk.status(this.#pathOf(offset)) === null) continue;
      const file = this.#place.disk.open(this.#pathOf(offset), "write");
      try {
        await file.sync();
      } finally {
        file.close();
      }
    }
  }

  /** What is below is known when the state is loaded later, too. */
  highWatermarkMoved(highWatermark: number): void {
    this.#highWatermark = highWatermark;
    if (!this.isUnloaded) this.state.highWatermarkMoved(highWatermark);
  }

  /** The log begins later now. */
  logStartMoved(logStartOffset: number): void {
    if (this.endOffset < logStartOffset) this.endOffset = logStartOffset;
    this.#lastSnapshotOffset = this.#snapshots.at(-1) ?? logStartOffset;
  }

  removeSnapshot(offset: number): void {
    this.#snapshots = this.#snapshots.filter((other) => other !== offset);
    this.#place.disk.remove(this.#pathOf(offset));
  }

  /** Renames a snapshot for its removal later; returns the new path, null when there is none. */
  markSnapshotDeleted(offset: number): string | null {
    if (!this.#snapshots.includes(offset)) return null;
    this.#snapshots = this.#snapshots.filter((other) => other !== offset);
    const path = this.#pathOf(offset);
    if (this.#place.disk.status(path) === null) return null;
    this.#place.disk.rename(path, path + DELETED_SUFFIX);
    return path + DELETED_SUFFIX;
  }

  #replay(endOffset: number): void {
    for (const segment of this.#segments.between(this.endOffset, endOffset)) {
      if (!this.#findReplayStart(segment)) continue;
      const handle = segment.log;
      const file = handle.retain();
      scanBatchesNow(file, segment.foundPosition, segment.size, this.#replayUpTo(endOffset));
      handle.release();
    }
  }

  #findReplayStart(segment: Segment): boolean {
    const from = Math.max(segment.baseOffset, this.endOffset);
    return segment.size > 0 && segment.locate(from, true) === FOUND;
  }

  #replayUpTo(endOffset: number): VisitBatch {
    return (bytes, at) => {
      if (lastOffset(bytes, at) >= endOffset) return false;
      if (isDamaged(bytes, at, this.endOffset)) return true;
      const completed = this.add(bytes, at);
      if (completed !== null) this.state.complete(completed);
      this.endOffset = lastOffset(bytes, at) + 1;
      return true;
    };
  }

  #pathOf(offset: number): string {
    return `${this.#place.directory}/${segmentFileName(offset, SNAPSHOT_SUFFIX)}`;
  }
}

const NONE: readonly number[] = [];

/** A replay does not look at checksums, and what a rotten disk shows nobody may have written. */
function isDamaged(bytes: Buffer, at: number, fromOffset: number): boolean {
  if (lastOffset(bytes, at) < fromOffset) return true;
  return magic(bytes, at) >= 2 && !Number.isSafeInteger(producerId(bytes, at));
}

/** What the header of the batch at `at` claims. */
export function producerBatchOf(bytes: Buffer, at: number): ProducerBatch {
  return {
    producerId: producerId(bytes, at),
    epoch: producerEpoch(bytes, at),
    firstSequence: baseSequence(bytes, at),
    lastSequence: lastSequence(bytes, at),
    firstOffset: baseOffset(bytes, at),
    lastOffset: lastOffset(bytes, at),
    maxTimestamp: maxTimestamp(bytes, at),
    isTransactional: isTransactional(bytes, at),
  };
}
