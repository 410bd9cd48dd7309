/**
 * The metadata log with its snapshots, in one directory:
 *
 *   __cluster_metadata-0/
 *     %020d.log, .index, ...       segments, as of any partition
 *     %020d-%010d.checkpoint       snapshots: what the log says before that offset
 *     quorum-state
 *
 *       snapshot          snapshot                  highWatermark   endOffset
 *          |                 |                            |             |
 *   [..... startOffset .................................................]
 *
 * Invariants: when the log does not begin at 0, there is a snapshot at its start or behind it; a
 * snapshot ends at a batch's end, at or below the high watermark; snapshots below the log's start
 * are gone.
 */
import { assert } from "../base/assert.ts";
import type { Logger } from "../base/logger.ts";
import type { Clock, Disk } from "../base/world.ts";
import type { Log } from "../log/log.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { isControl, lastOffset, nextBatchSize, wholeBatches } from "../protocol/record-batch.ts";
import type { EpochStart } from "./core/log-state.ts";
import { type RaftBatch, readRaftBatch, readRaftBatches } from "./raft-batch.ts";
import {
  BOOTSTRAP_SNAPSHOT,
  type SnapshotId,
  compareSnapshots,
  parseSnapshotName,
  snapshotFileName,
} from "./snapshot-name.ts";
import { readSnapshotTimestamp } from "./snapshot-reader.ts";

export interface RaftLogOptions {
  /** metadata.max.retention.bytes; -1 keeps all. */
  readonly retentionBytes: number;
  /** metadata.max.retention.ms; -1 keeps all. */
  readonly retentionMs: number;
}

const READ_SIZE = 1024 * 1024;

export class RaftLog {
  readonly log: Log;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: RaftLogOptions;
  /** The log was dropped for a snapshot as it was opened. */
  #wasCut = false;
  /** Complete ones, oldest first. */
  #snapshots: SnapshotId[] = [];

  /** Throws `ProtocolError` when records are missing that no snapshot holds. */
  constructor(
    world: { readonly disk: Disk; readonly clock: Clock },
    log: Log,
    logger: Logger,
    options: RaftLogOptions,
  ) {
    this.#disk = world.disk;
    this.#clock = world.clock;
    this.#logger = logger;
    this.log = log;
    this.#options = options;
    this.#recoverSnapshots();
    this.#dropLogBehindSnapshot();
  }

  get directory(): string {
    return this.log.directory;
  }

  get startOffset(): number {
    return this.log.logStartOffset;
  }

  get endOffset(): number {
    return this.log.logEndOffset;
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  get latestSnapshot(): SnapshotId | null {
    return this.#snapshots.at(-1) ?? null;
  }

  /** Complete ones, oldest first. */
  get snapshots(): readonly SnapshotId[] {
    return this.#snapshots;
  }

  /** Where epochs begin, oldest first. A crash may leave one in the file that has no record. */
  get epochs(): readonly EpochStart[] {
    const { endOffset } = this;
    return this.log.state.epochs.entries.filter(({ startOffset }) => startOffset < endOffset);
  }

  hasSnapshot(id: SnapshotId): boolean {
    return this.#snapshots.some((known) => compareSnapshots(known, id) === 0);
  }

  snapshotPath(id: SnapshotId): string {
    return `${this.directory}/${snapshotFileName(id)}`;
  }

  /**
   * What is on the disk becomes sure, before anything is appended. Then a snapshot of producers is
   * taken, which tells how far the log went, if it is found shorter (lost-records.ts): not before,
   * as a loss of power may leave the snapshot, and take what it tells of. Throws `DiskError`.
   */
  async makeSure(): Promise<void> {
    if (this.#wasCut) await this.syncCut();
    else await this.flush();
    if (this.endOffset > 0) this.log.state.producers.takeSnapshot();
  }

  /** Batches with their offsets and epoch set; they are in the page cache when this returns. */
  append(batch: Buffer, epoch: number): void {
    const nowMs = this.#clock.wallMs();
    const result = this.log.appendAsLeader(batch, {
      leaderEpoch: epoch,
      origin: "raftLeader",
      nowMs,
    });
    if (this.log.failure !== null) throw this.log.failure;
    const { errorCode, message } = result;
    assert(errorCode === ErrorCode.NONE, `the metadata log takes a batch: ${message}`);
  }

  /** Everything appended so far is durable when it resolves. Throws `DiskError`. */
  async flush(): Promise<void> {
    await this.log.flush();
    if (this.log.failure !== null) throw this.log.failure;
  }

  advanceHighWatermark(offset: number): void {
    this.log.advanceHighWatermark(offset);
  }

  /** Batches that a leader sent, as they are. */
  appendFetched(bytes: Buffer, epoch: number): void {
    const { errorCode, message } = this.log.appendAsFollower(bytes, epoch, this.#clock.wallMs());
    if (this.log.failure !== null) throw this.log.failure;
    assert(errorCode === ErrorCode.NONE, `the metadata log takes fetched batches: ${message}`);
  }

  /**
   * Before `truncateTo` and `restartAt`: nothing tells any more that the log went beyond `offset`
   * (see `makeSure`), and what stays is durable, as the cut leaves a snapshot of producers that
   * tells of it. Throws `DiskError`.
   */
  async prepareCut(offset: number): Promise<void> {
    await this.flush();
    const { producers } = this.log.state;
    const untrue = producers.snapshotOffsets.filter((each) => each > offset);
    if (untrue.length === 0) return;
    for (const each of untrue) producers.removeSnapshot(each);
    await this.#disk.syncDirectory(this.directory);
  }

  /** What lies there and behind was never committed. See `prepareCut` and `syncCut`. */
  truncateTo(offset: number): void {
    this.log.truncateTo(offset);
    if (this.log.failure !== null) throw this.log.failure;
  }

  /** A snapshot that has been completed in the directory stands for all of the log; `syncCut`. */
  restartAt(id: SnapshotId): void {
    this.snapshotAdded(id);
    this.log.truncateFullyAndStartAt(id.endOffset);
    if (this.log.failure !== null) throw this.log.failure;
    this.#forgetBefore(id, "a newer one came from the leader");
  }

  /**
   * What was cut off does not come back with a loss of power: before that nothing may be appended,
   * lest the old lies under the new then. Throws `DiskError`.
   */
  async syncCut(): Promise<void> {
    await this.log.syncCut();
    if (this.log.failure !== null) throw this.log.failure;
  }

  /** The batches between two offsets, in order, as many at once as are read at once. */
  async *groups(fromOffset: number, upToOffset: number): AsyncIterable<readonly RaftBatch[]> {
    for (let offset = fromOffset; offset < upToOffset;) {
      const bytes = await this.read(offset, READ_SIZE, upToOffset);
      const batches = [...readRaftBatches(bytes)];
      const last = batches.at(-1);
      if (last === undefined) throw new ProtocolError(`no batch can be read at offset ${offset}`);
      offset = last.lastOffset + 1;
      yield batches;
    }
  }

  /** Those that the quorum wrote for itself, from `fromOffset` on. Throws `ProtocolError`. */
  async *controlBatches(fromOffset: number): AsyncIterable<RaftBatch> {
    for (let offset = fromOffset; offset < this.endOffset;) {
      const bytes = await this.read(offset, READ_SIZE, this.endOffset);
      let at = 0;
      for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
        offset = lastOffset(bytes, at) + 1;
        if (isControl(bytes, at)) yield readRaftBatch(bytes, at);
      }
      if (at === 0) throw new ProtocolError(`no batch can be read at offset ${offset}`);
    }
  }

  /** Whole batches from `offset` on, of `sizeMax` bytes together but at least one. */
  async read(offset: number, sizeMax: number, upToOffset: number): Promise<Buffer> {
    const slice = await this.log.read(offset, sizeMax, upToOffset, true);
    try {
      if (slice.errorCode !== ErrorCode.NONE) {
        throw new ProtocolError(`the metadata log cannot be read at offset ${offset}`);
      }
      return wholeBatches(await slice.read());
    } finally {
      slice.release();
    }
  }

  /** A snapshot has been completed in the directory. */
  snapshotAdded(id: SnapshotId): void {
    if (this.hasSnapshot(id)) return;
    this.#snapshots = [...this.#snapshots, id].sort(compareSnapshots);
  }

  /** A file that came too late: what it says, newer ones say too. */
  removeSnapshot(id: SnapshotId): void {
    if (!this.hasSnapshot(id)) this.#disk.remove(this.snapshotPath(id));
  }

  /** Drops the oldest snapshots, and the log before the next, as long as they are too much. */
  clean(): void {
    while (this.#snapshots.length >= 2) {
      const reason = this.#reasonToDrop(this.#snapshots[0]!);
      if (reason === null || !this.#deleteBefore(this.#snapshots[1]!, reason)) return;
    }
  }

  /** The snapshot that a log leaves at its end comes behind its records: see `makeSure`. */
  async close(): Promise<void> {
    await this.log.flush().catch(() => undefined);
    await this.log.close();
  }

  #recoverSnapshots(): void {
    for (const name of this.#disk.list(this.directory)) {
      const snapshot = parseSnapshotName(name);
      if (snapshot === null) continue;
      const isKept = snapshot.state === "complete" && snapshot.endOffset >= this.startOffset;
      if (isKept) this.#snapshots.push({ endOffset: snapshot.endOffset, epoch: snapshot.epoch });
      else this.#disk.remove(`${this.directory}/${name}`);
    }
    this.#snapshots.sort(compareSnapshots);
    if (this.startOffset === 0 || this.latestSnapshot !== null) return;
    throw new ProtocolError(
      `${this.directory}: the log begins at offset ${this.startOffset}, but there is no snapshot ` +
        `of what came before`,
    );
  }

  /**
   * What a snapshot says was committed: a log that ends before it, or that has another record in
   * the place of its last, is not the log that it is of. A crash comes between a snapshot that was
   * fetched and the log that goes for it.
   */
  #dropLogBehindSnapshot(): void {
    const latest = this.latestSnapshot;
    if (latest === null) return;
    const { endOffset, epoch } = latest;
    const before = this.epochs.findLast(({ startOffset }) => startOffset < endOffset);
    const isOther = before !== undefined && before.epoch !== epoch && this.startOffset < endOffset;
    if (endOffset <= this.endOffset && !isOther) return;
    this.log.truncateFullyAndStartAt(endOffset);
    this.#wasCut = true;
    this.#forgetBefore(latest, "the log was truncated to a newer snapshot");
  }

  #reasonToDrop(id: SnapshotId): string | null {
    const { retentionBytes, retentionMs } = this.#options;
    const sizes = this.#snapshots.map((each) => this.#sizeOf(each));
    const size = sizes.reduce((sum, each) => sum + each, this.log.size);
    if (retentionBytes >= 0 && size > retentionBytes) {
      return `log and snapshots have ${size} bytes, more than ${retentionBytes}`;
    }
    if (retentionMs < 0) return null;
    const ageMs = this.#clock.wallMs() - this.#timestampOf(id);
    return ageMs > retentionMs ? `it is ${ageMs} ms old, more than ${retentionMs}` : null;
  }

  #deleteBefore(id: SnapshotId, reason: string): boolean {
    const isBehindStart = this.startOffset < id.endOffset;
    if (!isBehindStart || id.endOffset > this.highWatermark) return false;
    if (this.log.advanceLogStartOffset(id.endOffset) !== ErrorCode.NONE) return false;
    this.log.deleteOldSegments();
    this.#forgetBefore(id, reason);
    return true;
  }

  #forgetBefore(id: SnapshotId, reason: string): void {
    const gone = this.#snapshots.filter((each) => compareSnapshots(each, id) < 0);
    this.#snapshots = this.#snapshots.filter((each) => compareSnapshots(each, id) >= 0);
    for (const each of gone) {
      this.#logger.info(`snapshot ${snapshotFileName(each)} is deleted: ${reason}`);
      this.#disk.remove(this.snapshotPath(each));
    }
  }

  #sizeOf(id: SnapshotId): number {
    return this.#disk.status(this.snapshotPath(id))?.size ?? 0;
  }

  #timestampOf(id: SnapshotId): number {
    return readSnapshotTimestamp(this.#disk, this.snapshotPath(id));
  }
}

/** Whether this is the snapshot of format, which holds nothing but the first voters. */
export function isBootstrapSnapshot(id: SnapshotId): boolean {
  return compareSnapshots(id, BOOTSTRAP_SNAPSHOT) === 0;
}
