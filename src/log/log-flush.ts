/**
 * Making a log durable.
 *
 * A closed segment is synced with its indexes, the active one without: after a crash the segment
 * that holds the recovery point has its indexes built anew, all earlier ones are taken as they
 * are. In the same way the epoch checkpoint, producer snapshots and new directory entries come
 * before the recovery point that lets recovery pass them.
 */
import { GroupCommit } from "./group-commit.ts";
import { LEADER_EPOCH_FILE } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import { syncTopicId } from "./partition-metadata.ts";
import { replaceFile } from "./replace-file.ts";
import type { Segment } from "./segment.ts";

export class LogFlush {
  readonly #state: LogState;
  #commits: GroupCommit | null = null;
  #epochsQueued: Promise<void> | null = null;
  #epochsWriting: Promise<void> | null = null;
  #isTimerSet = false;

  constructor(state: LogState) {
    this.#state = state;
  }

  /** Rejects with `DiskError`; the directory is offline then. */
  flushUpTo(offset: number): Promise<void> {
    const { failure, flushedOffset } = this.#state;
    if (failure !== null) return Promise.reject(failure);
    if (offset <= flushedOffset) return Promise.resolve();
    return this.#commit(offset);
  }

  /**
   * The same when nobody waits: the failure shows in the directory alone. Segments that end at
   * `offset` are flushed with their indexes, even if all of their records were before. Resolves
   * when it is over, whatever came of it.
   */
  async flushInBackground(offset: number): Promise<void> {
    if (offset <= this.#state.recoveryPoint) return;
    await this.#state.host.background
      .run(() => this.#commit(offset))
      .catch((error: unknown) => this.#state.diskFailed(error));
  }

  /** After an append: what `flush.messages` and `flush.ms` ask for. */
  afterAppend(): Promise<void> | null {
    const { config, logEndOffset, flushedOffset } = this.#state;
    if (logEndOffset - flushedOffset >= config.flushMessages) return this.flushUpTo(logEndOffset);
    if (config.flushMs < TIMER_MAX_MS && !this.#isTimerSet) {
      this.#isTimerSet = true;
      this.#state.host.schedule(config.flushMs, () => this.#atTimer());
    }
    return null;
  }

  /** Writes the epoch checkpoint when an epoch has records that it does not know. */
  writeEpochs(): Promise<void> {
    this.#epochsQueued ??= this.#state.host.background
      .run(() => this.#writeEpochsNow())
      .finally(() => (this.#epochsQueued = null));
    return this.#epochsQueued;
  }

  /**
   * The log is closed: everything that it wrote becomes durable, active segment included, unless
   * its files are already.
   */
  async syncAtClose(isDurable: boolean): Promise<void> {
    const state = this.#state;
    if (!isDurable) {
      for (const segment of state.segments.between(state.recoveryPoint, state.logEndOffset)) {
        await segment.sync(false);
        segment.coolDown();
      }
    }
    if (state.epochs.isDirty && state.isChanged) await this.#writeEpochsNow();
    if (!isDurable) await this.#syncNames();
    state.setAllFlushed();
  }

  /**
   * After a cut, before anything is appended: else a loss of power could bring back what was cut
   * off under later records that survive it, and nobody would see that they do not belong together.
   */
  async syncCut(): Promise<void> {
    const { failure, isClosed, segments, host, place } = this.#state;
    if (failure !== null || isClosed) return;
    try {
      await segments.active.sync(true);
      await host.disk.syncDirectory(place.directory);
      // Epochs of what was cut off would be taken for those of what follows.
      if (this.#state.epochs.isDirty) await this.#writeEpochsNow();
    } catch (error) {
      if (!this.#state.isClosed) this.#state.diskFailed(error);
    }
  }

  get isIdle(): boolean {
    return this.#epochsWriting === null && this.#commits?.isIdle !== false;
  }

  /** Resolves when nothing is under way, whatever came of it. */
  async whenIdle(): Promise<void> {
    await this.#epochsWriting?.catch(() => undefined);
    await this.#commits?.whenIdle();
  }

  /**
   * Not in the queue of background work: who waits here may have a place in it, and with every
   * place so taken nobody would ever go on.
   */
  #writeEpochsNow(): Promise<void> {
    const { host, epochs, place } = this.#state;
    this.#epochsWriting ??= (async () => {
      while (epochs.isDirty && this.#state.failure === null && !this.#state.isSetAside) {
        epochs.isDirty = false;
        const path = (): string => `${place.directory}/${LEADER_EPOCH_FILE}`;
        await replaceFile(host.disk, path, epochs.encode());
      }
    })().finally(() => (this.#epochsWriting = null));
    return this.#epochsWriting;
  }

  #commit(offset: number): Promise<void> {
    this.#commits ??= new GroupCommit((upTo) => this.#sync(upTo));
    return this.#commits.commit(offset);
  }

  #atTimer(): void {
    this.#isTimerSet = false;
    if (!this.#state.isClosed) void this.flushInBackground(this.#state.logEndOffset);
  }

  async #sync(upTo: number): Promise<void> {
    const state = this.#state;
    // Never again on a file whose sync failed: the kernel may take its pages for clean now.
    if (state.failure !== null) throw state.failure;
    const { clock, flushesUs } = state.host;
    const startedMs = clock.monotonicMs();
    try {
      let reached = 0;
      for (let isOver = false; !isOver && !state.isClosed;) {
        const { cutCount } = state;
        const [synced] = await Promise.all([
          this.#syncSegments(upTo, cutCount),
          state.epochs.isDirty || this.#epochsWriting !== null ? this.#writeEpochsNow() : null,
          this.#syncNames(),
        ]);
        reached = synced.upTo;
        // When the log is cut in the meantime, what was synced counts for nothing; and of a segment
        // that was left in the meantime the indexes were not synced.
        isOver = cutCount === state.cutCount && synced.active === state.segments.active;
      }
      flushesUs.record((clock.monotonicMs() - startedMs) * 1000);
      if (state.isClosed) return;
      const { baseOffset } = state.segments.active;
      const hasPassedSegment = state.recoveryPoint < baseOffset && reached >= baseOffset;
      const point = Math.min(reached, upTo, state.logEndOffset);
      if (point > state.recoveryPoint) state.setFlushed(point);
      if (hasPassedSegment) state.host.segmentFlushed(state.parentDirectory);
    } catch (error) {
      throw this.#state.isClosed ? error : state.diskFailed(error);
    }
  }

  /**
   * Returns up to where all segments are durable, at least `upTo` unless the log was cut, and which
   * of them had no need of its indexes.
   */
  async #syncSegments(upTo: number, cutCount: number): Promise<Synced> {
    const state = this.#state;
    let reached = state.recoveryPoint;
    while (reached < upTo && state.cutCount === cutCount && !state.isClosed) {
      const segment = state.segments.floor(reached) ?? state.segments.first;
      const isActive = segment === state.segments.active;
      await segment.sync(isActive);
      // The segment may have been left or deleted in the meantime.
      if (!state.segments.has(segment)) continue;
      const next = state.segments.higher(segment);
      if (next !== null && isActive) continue;
      reached = next?.baseOffset ?? upTo;
    }
    return { upTo: reached, active: state.segments.active };
  }

  /** Topic id, snapshots, and the names of all files made since the last time. */
  async #syncNames(): Promise<void> {
    const state = this.#state;
    const { host, place, producers } = state;
    const syncs: Promise<void>[] = [];
    if (state.isTopicIdUnsynced) {
      state.isTopicIdUnsynced = false;
      syncs.push(syncTopicId(host.disk, place.directory));
    }
    if (producers.hasUnsyncedSnapshots) {
      state.isDirectoryDirty = true;
      syncs.push(producers.syncSnapshots());
    }
    if (state.isDirectoryDirty) {
      state.isDirectoryDirty = false;
      syncs.push(host.disk.syncDirectory(place.directory));
    }
    if (state.isParentDirty) {
      state.isParentDirty = false;
      syncs.push(host.disk.syncDirectory(state.parentDirectory));
    }
    await Promise.all(syncs);
  }
}

interface Synced {
  readonly upTo: number;
  readonly active: Segment;
}

/** Timers of JavaScript hold no more; a longer time is never. */
const TIMER_MAX_MS = 2 ** 31 - 1;
