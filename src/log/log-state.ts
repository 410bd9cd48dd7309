/** The state of one log, shared by the parts of `Log`: append, read, flush, cut, retention. */
import { DiskError } from "../base/world.ts";
import { assert } from "../base/assert.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { LogConfig } from "./log-config.ts";
import type { Coolable, LogHost } from "./log-host.ts";
import { LogProducers } from "./log-producers.ts";
import { readTopicId, writeTopicId } from "./partition-metadata.ts";
import { parentOf } from "./replace-file.ts";
import { Segment, type SegmentPlace } from "./segment.ts";
import { Segments } from "./segments.ts";
import { Verifications } from "./verifications.ts";

/** What the directory holds besides segments. */
export interface FoundFiles {
  /** Offsets of the producer snapshots. */
  readonly snapshots: readonly number[];
  readonly hasEpochFile: boolean;
  /** The directory was made just now. */
  readonly isNew: boolean;
}

export class LogState implements Coolable {
  readonly host: LogHost;
  readonly topic: string;
  readonly partition: number;
  readonly place: SegmentPlace;
  readonly segments = new Segments();
  readonly producers: LogProducers;
  verifications = new Verifications();
  readonly epochs: LeaderEpochs;
  config: LogConfig;
  logStartOffset = 0;
  /** Called when it has moved. */
  startMoved: () => void = () => {};
  logEndOffset = 0;
  highWatermark = 0;
  /** All records before it are durable. */
  flushedOffset = 0;
  /** All before it is durable, indexes too: recovery begins with its segment. */
  recoveryPoint = 0;
  /** What took the directory offline: nothing is read or written any more. */
  failure: DiskError | null = null;
  /** Nothing is written any more: the log is closed, or about to be deleted. */
  isClosed = false;
  /** The partition's directory has another name, and nobody cares for what fails in it. */
  isSetAside = false;
  /** The log is about to be cut here, and the checkpoint has to know before. */
  cutOffset = Number.POSITIVE_INFINITY;
  cutsUnderWay = 0;
  /** How often the log was cut: a sync that was under way has to begin again. */
  cutCount = 0;
  /** What the checkpoints of the log directory say; -1 when they say nothing. */
  recoveryPointOnDisk = -1;
  logStartOffsetOnDisk = -1;
  highWatermarkOnDisk = -1;
  cleanerOffsetOnDisk = -1;
  /** Compaction has come so far; -1 when it has not begun. */
  cleanerOffset = -1;
  /** People have been told that it is not deleted by time. */
  futureSegment: Segment | null = null;
  /** Compaction met what it does not understand: nobody tries again before a restart. */
  isUncleanable = false;
  /** Something was written since the log was opened. */
  isChanged = false;
  /** Since the last `coolDown`. */
  wasUsed = false;
  isWarm = false;
  /** Files were made or renamed since the directory was synced. */
  isDirectoryDirty: boolean;
  /** The directory itself is new. */
  isParentDirty: boolean;
  isTopicIdUnsynced = false;
  #topicId: string | null | undefined = undefined;
  #name: string | null = null;

  constructor(
    host: LogHost,
    directory: string,
    topic: string,
    partition: number,
    config: LogConfig,
    found: FoundFiles,
  ) {
    this.host = host;
    this.topic = topic;
    this.partition = partition;
    this.config = config;
    this.place = { disk: host.disk, handles: host.handles, directory };
    this.producers = new LogProducers(host, this.place, this.segments, found.snapshots);
    this.epochs = new LeaderEpochs(this.place, found.hasEpochFile);
    this.isDirectoryDirty = found.isNew;
    this.isParentDirty = found.isNew;
  }

  /** Of partition.metadata, read when somebody asks; null when it is not known. */
  get topicId(): string | null {
    if (this.#topicId === undefined) {
      this.#topicId = readTopicId(this.host.disk, this.place.directory);
    }
    return this.#topicId;
  }

  setTopicId(topicId: string): void {
    writeTopicId(this.host.disk, this.place.directory, topicId);
    this.#topicId = topicId;
    this.isTopicIdUnsynced = true;
    this.isDirectoryDirty = true;
  }

  /** As messages name it: "topic-0". */
  get name(): string {
    this.#name ??= `${this.topic}-${this.partition}`;
    return this.#name;
  }

  get parentDirectory(): string {
    return parentOf(this.place.directory);
  }

  get nowMs(): number {
    return this.host.clock.wallMs();
  }

  /** A segment object; its files are there or are made by `createFiles`. */
  segmentAt(baseOffset: number, size: number, suffix = ""): Segment {
    return new Segment(this.place, baseOffset, size, this.nowMs, this.#rollJitterMs(), suffix);
  }

  touch(): void {
    this.wasUsed = true;
    if (this.isWarm) return;
    this.isWarm = true;
    this.host.warmed(this);
  }

  coolDown(): boolean {
    if (this.wasUsed) {
      this.wasUsed = false;
      return false;
    }
    this.isWarm = false;
    if (this.failure !== null) return true;
    this.attempt(
      () => this.segments.all.forEach((segment) => segment.coolDown()),
      () => undefined,
    );
    return true;
  }

  /** Runs work that may fail on the disk: then the directory goes offline. */
  attempt<T>(work: () => T, afterFailure: (error: DiskError) => T): T {
    try {
      return work();
    } catch (error) {
      return afterFailure(this.diskFailed(error));
    }
  }

  /** Takes the directory offline; throws on what is no error of the disk. */
  diskFailed(error: unknown): DiskError {
    if (!(error instanceof DiskError)) throw error;
    if (this.failure === null && !this.isSetAside) {
      this.failure = error;
      this.host.directoryFailed(this.parentDirectory, error);
    }
    return error;
  }

  /**
   * All records below `offset` are durable, and the indexes of all segments that end there but the
   * active one's. The recovery point stays within the active segment, even at its very end: when
   * it is left, recovery may only pass it with its indexes on disk.
   */
  setFlushed(offset: number): void {
    assert(offset <= this.logEndOffset, "what is flushed is within the log");
    const { baseOffset } = this.segments.active;
    this.flushedOffset = offset;
    const point = offset > baseOffset ? Math.max(baseOffset, offset - 1) : offset;
    this.recoveryPoint = Math.min(point, this.cutOffset);
  }

  /** Everything is durable, the indexes of the active segment included. */
  setAllFlushed(): void {
    this.flushedOffset = this.logEndOffset;
    this.recoveryPoint = this.logEndOffset;
  }

  /** So that segments of many partitions are not all left at the same moment. */
  #rollJitterMs(): number {
    const { segmentJitterMs, segmentMs } = this.config;
    if (segmentJitterMs <= 0) return 0;
    return this.host.random.uint32() % Math.min(segmentJitterMs, segmentMs);
  }
}
