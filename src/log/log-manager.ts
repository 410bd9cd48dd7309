/**
 * All logs of a node, over one directory or several: Kafka's LogManager.
 *
 *   open     directories are made, locked and identified             -> nothing is read yet
 *   load     every partition's log is opened, in slices of time      -> the node can serve
 *   run      retention, checkpoints, flushes, deletions, idle files
 *   shut down   logs are closed, checkpoints written, and the marker last
 *
 * A directory whose disk fails is offline until the next start: its logs answer
 * KAFKA_STORAGE_ERROR, and the owner is told, who hands their partitions to others.
 *
 * USAGE
 *   const logs = openLogManager({ disk, clock, random, logger, directories, ... });
 *   await logs.load();
 *   logs.start();
 *   const log = logs.getOrCreate("topic", 0, { topicId });
 *   await logs.shutDown(brokerEpoch);
 */
import { assert } from "../base/assert.ts";
import { Histogram } from "../base/histogram.ts";
import type { Logger } from "../base/logger.ts";
import type { Clock, Disk, Random, Workers } from "../base/world.ts";
import { DiskError } from "../base/world.ts";
import { LogCleaner } from "./cleaner/log-cleaner.ts";
import { BatchExaminer } from "./examiner/batch-examiner.ts";
import { cleanShutdownEpoch } from "./clean-shutdown.ts";
import { FileHandles } from "./file-handles.ts";
import { FutureLogs, renameLogDirectory } from "./future-logs.ts";
import type { Log } from "./log.ts";
import { closeLogs } from "./log-closing.ts";
import { createLog } from "./log-creation.ts";
import type { LogCuts } from "./log-cuts.ts";
import { type ExpectedLog, LoadedLogs } from "./loaded-logs.ts";
import { isCompacted, type LogConfig } from "./log-config.ts";
import { CHECKPOINT_KINDS, type CheckpointKind, type LogDirectory } from "./log-directory.ts";
import type { Coolable, LogHost } from "./log-host.ts";
import { DEFAULT_LOG_SETTINGS, type LogSettings } from "./log-manager-settings.ts";
import { Housekeeping } from "./housekeeping.ts";
import { LogRemoval } from "./log-removal.ts";
import { LogStartupError } from "./log-startup-error.ts";
import { loadDirectory, openDirectories } from "./log-startup.ts";
import { partingDirectoryName, partitionDirectoryName } from "./log-names.ts";
import { ValidationStats } from "./validation-stats.ts";
import { WorkQueue } from "./work-queue.ts";

export interface LogManagerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** For compaction, and for batches that take long. */
  readonly workers: Workers;
  readonly logger: Logger;
  /** `log.dirs`. */
  readonly directories: readonly string[];
  /** The settings of a topic's logs, asked when a log is opened. */
  readonly configOf: (topic: string) => LogConfig;
  readonly settings: LogSettings;
  /** `cordoned.log.dirs`: paths that get no new logs while there are others. */
  readonly cordoned?: () => readonly string[];
  /** `remaining` directories are still online; with none the node has to stop. */
  readonly directoryFailed: (directory: LogDirectory, error: DiskError, remaining: number) => void;
}

/** Descriptors for log files; the rest of the process's limit is for connections. */
const OPEN_FILES_MAX = 8192;
const SYNCS_MAX = 4;
const always = (): boolean => true;
/** After a segment was flushed, others may follow. */
const FLUSHED_DELAY_MS = 1_000;
/** Partitions that are not there yet, and for which a directory was asked for. */
const PREFERRED_MAX = 10_000;

export interface NewLog {
  /** Null for a topic without one, as only `__cluster_metadata` is. */
  readonly topicId: string | null;
  /** Where the controller wants it; otherwise the directory with the fewest logs. */
  readonly directoryId?: string | null;
}

export { DEFAULT_LOG_SETTINGS, type LogSettings, LogStartupError };

/** Throws `LogStartupError` with one line for people. */
export function openLogManager(options: LogManagerOptions): LogManager {
  const manager = new LogManager(options);
  manager.openDirectories();
  return manager;
}

const NO_EPOCH = -1;

export class LogManager implements LogHost, LogCuts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly handles: FileHandles;
  readonly examiner: BatchExaminer;
  readonly background = new WorkQueue(SYNCS_MAX);
  readonly flushesUs = new Histogram();
  readonly validation = new ValidationStats();
  /** The broker epoch of the last clean stop, -1 when the directories do not agree on one. */
  previousBrokerEpoch = NO_EPOCH;

  /** Null where `log.cleaner.enable` is false: compacted logs only grow then, as in Kafka. */
  readonly cleaner: LogCleaner | null;

  readonly #options: LogManagerOptions;
  readonly #removal: LogRemoval;
  readonly #logs = new Map<string, (Log | undefined)[]>();
  readonly #futures = new FutureLogs();
  /** By partition: the path that its log is to be made in. */
  readonly #preferred = new Map<string, string>();
  #directories: LogDirectory[] = [];
  readonly #housekeeping: Housekeeping;
  /** Directories whose recovery points are written soon. */
  readonly #flushed = new Set<LogDirectory>();

  /** Use `openLogManager`. */
  constructor(options: LogManagerOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.clock = options.clock;
    this.random = options.random;
    this.logger = options.logger.child("log");
    this.handles = new FileHandles(options.disk, OPEN_FILES_MAX);
    this.#housekeeping = new Housekeeping(options.clock, this.handles);
    this.#removal = new LogRemoval(this, (path) => this.#forgetGone(path));
    const { workers, settings, clock } = options;
    const { logger } = this;
    const threadsMax = (): number => settings.numIoThreads;
    this.examiner = new BatchExaminer({ workers, clock, logger, threadsMax });
    this.cleaner = !settings.logCleanerEnable
      ? null
      : new LogCleaner({
          host: this,
          workers,
          settings,
          logs: () => this.all(),
          isHeld: ({ topic, partition }) => this.future(topic, partition) !== null,
          checkpoint: (log) => this.#checkpointCleaner(log),
        });
  }

  get directories(): readonly LogDirectory[] {
    return this.#directories;
  }

  get producerIdExpirationMs(): number {
    return this.#options.settings.producerIdExpirationMs;
  }

  get verifiesTransactions(): boolean {
    return this.#options.settings.transactionPartitionVerificationEnable;
  }

  openDirectories(): void {
    this.#directories = openDirectories(this, this.#options.directories);
    const paths = this.#online().map((directory) => directory.path);
    const epochs = new Set(paths.map((path) => cleanShutdownEpoch(this.disk, path)));
    const [epoch = NO_EPOCH] = epochs;
    this.previousBrokerEpoch = epochs.size === 1 ? epoch : NO_EPOCH;
  }

  /**
   * Opens the logs of all directories. `expected` tells which of two by one name is the one that
   * the controller knows of. Throws `LogStartupError`.
   */
  async load(expected: ExpectedLog = () => null): Promise<void> {
    const { configOf, settings } = this.#options;
    const workers = settings.numRecoveryThreadsPerDataDir;
    const found = new LoadedLogs(this, expected);
    const loads = this.#online().map((directory) => {
      return loadDirectory(this, directory, { configOf, workers }, (log) => found.add(log));
    });
    const loaded = await Promise.all(loads);
    for (const log of found.current()) this.#add(log);
    for (const log of found.futures()) this.#futures.add(log);
    for (const { leftToDelete } of loaded) {
      for (const path of leftToDelete) this.#removal.removeLater(path, this.#deleteDelayMs);
    }
    for (const log of found.superfluous()) this.#remove(log);
    for (const log of found.strays()) {
      this.directoryOf(log).remove(log);
      this.#leaveAside(log, "is behind another of its name");
    }
  }

  /** Starts everything that happens by itself. */
  start(): void {
    const { settings } = this.#options;
    const { logInitialTaskDelayMs: afterMs } = settings;
    const home = this.#housekeeping;
    const retentionMs = () => settings.logRetentionCheckIntervalMs;
    const expirationMs = () => settings.producerIdExpirationCheckIntervalMs;
    const recoveryPointMs = () => settings.logFlushOffsetCheckpointIntervalMs;
    const logStartMs = () => settings.logFlushStartOffsetCheckpointIntervalMs;
    const highWatermarkMs = () => settings.replicaHighWatermarkCheckpointIntervalMs;
    home.every(retentionMs, () => this.#deleteOldSegments(), afterMs);
    home.every(expirationMs, () => this.#expireProducers(), afterMs);
    home.every(recoveryPointMs, () => this.checkpoint("recoveryPoint"), afterMs);
    home.every(logStartMs, () => this.checkpoint("logStartOffset"), afterMs);
    home.every(highWatermarkMs, () => this.checkpoint("highWatermark"));
    if (this.cleaner === null) return;
    for (const directory of this.#online()) {
      void this.#guard(directory, () => Promise.resolve(directory.prepareCleaner()));
    }
    this.cleaner.start();
  }

  /** Null when there is no such log here. One whose directory is offline has a `failure`. */
  get(topic: string, partition: number): Log | null {
    return this.#logs.get(topic)?.[partition] ?? null;
  }

  *all(): Generator<Log> {
    for (const logs of this.#logs.values()) {
      for (const log of logs) if (log !== undefined) yield log;
    }
  }

  logsOf(topic: string): Log[] {
    return (this.#logs.get(topic) ?? []).filter((log) => log !== undefined);
  }

  directoryOf(log: Log): LogDirectory {
    const found = this.#directories.find((directory) => directory.logs.has(log));
    assert(found !== undefined, "a log is in a directory");
    return found;
  }

  /**
   * The partition's log, made when it is missing. Null when no directory is online that may have
   * it, or when the disk refuses: the directory is offline then.
   */
  getOrCreate(topic: string, partition: number, options: NewLog): Log | null {
    const existing = this.get(topic, partition);
    if (existing !== null) return existing;
    // Only a part of it is here: the rest is in a directory that is offline.
    if (this.future(topic, partition) !== null) return null;
    const name = partitionDirectoryName(topic, partition);
    for (const directory of this.#candidatesFor(name, options.directoryId ?? null)) {
      const log = this.#create(directory, name, topic, partition, options.topicId);
      if (log === null) continue;
      this.#preferred.delete(name);
      this.#add(log);
      return log;
    }
    return null;
  }

  /** Where a log that is not there yet is to be made. */
  prefer(topic: string, partition: number, directory: LogDirectory): void {
    const name = partitionDirectoryName(topic, partition);
    if (this.#preferred.size >= PREFERRED_MAX && !this.#preferred.has(name)) return;
    this.#preferred.set(name, directory.path);
  }

  /** The copy of a log that is on its way to another directory: see future-logs.ts. */
  future(topic: string, partition: number): Log | null {
    return this.#futures.get(topic, partition);
  }

  futures(): Log[] {
    return this.#futures.all();
  }

  /** An empty copy, which `LogMove` fills. Null when the disk refuses. */
  createFuture(log: Log, directory: LogDirectory): Log | null {
    const { topic, partition, topicId } = log;
    const name = partingDirectoryName(topic, partition, "future", this.random);
    const future = this.#create(directory, name, topic, partition, topicId);
    if (future === null) return null;
    assert(this.#futures.add(future), "one future log of a partition");
    this.cleaner?.abort(log.state.name);
    return future;
  }

  removeFuture(topic: string, partition: number): void {
    const future = this.#futures.take(topic, partition);
    if (future !== null) this.#remove(future);
  }

  /**
   * The copy gets the partition's name and place, in this turn. Both logs must be equal, and no
   * sync of the copy under way. Then `endSwap` has to follow. Throws `DiskError`.
   */
  swap(log: Log, future: Log): void {
    const { topic, partition } = log;
    assert(this.future(topic, partition) === future, "the copy of this log");
    assert(log.logEndOffset === future.logEndOffset, "a copy with all records");
    try {
      renameLogDirectory(future, partitionDirectoryName(topic, partition));
    } catch (error) {
      throw future.state.diskFailed(error);
    }
    this.#futures.take(topic, partition);
    this.#add(future);
    future.updateConfig(log.config);
    // What transactions were about to write, they may write there.
    future.state.verifications = log.state.verifications;
    if (log.latestEpoch > future.latestEpoch) {
      future.assignEpochStart(log.latestEpoch, future.logEndOffset);
    }
    future.setHighWatermark(log.highWatermark);
    // Nothing was cleaned since the copying began.
    future.state.cleanerOffset = log.state.cleanerOffset;
    future.state.isUncleanable = log.state.isUncleanable;
  }

  /** The new place is durable, then the old one goes. */
  async endSwap(log: Log, future: Log): Promise<void> {
    const [from, to] = [this.directoryOf(log), this.directoryOf(future)];
    await this.#guard(to, () => this.disk.syncDirectory(to.path));
    await this.#guard(to, () => future.flush());
    // Whoever waits for records that lie in both gets them here.
    await this.#guard(from, () => log.flush());
    if (to.failure !== null) return;
    await this.#guard(to, () => to.checkpoint("cleanerOffset"));
    this.#remove(log);
    for (const kind of ["recoveryPoint", "logStartOffset", "cleanerOffset"] as const) {
      await this.#guard(from, () => from.checkpoint(kind));
    }
  }

  /** The directory gets another name at once, and goes after `log.segment.delete.delay.ms`. */
  delete(topic: string, partition: number): void {
    const log = this.get(topic, partition);
    if (log !== null) {
      const directory = this.directoryOf(log);
      this.#take(topic, partition);
      this.#removal.remove(log, this.#deleteDelayMs);
      const isInCheckpoint = log.state.cleanerOffset !== -1;
      if (isInCheckpoint) void this.#guard(directory, () => directory.checkpoint("cleanerOffset"));
    }
    this.removeFuture(topic, partition);
  }

  /** A log of a partition that is not this node's: its directory is left, under another name. */
  setAside(topic: string, partition: number): void {
    const log = this.#take(topic, partition);
    if (log !== null) this.#leaveAside(log, "is no partition of this node");
  }

  /** See `LogCuts`. */
  truncateTo(log: Log, offset: number, isWanted = always): Promise<boolean> {
    return this.#cut(log, offset, () => isWanted() && log.truncateTo(offset));
  }

  async truncateFullyAndStartAt(
    log: Log,
    offset: number,
    logStartOffset = offset,
    isWanted = always,
  ): Promise<void> {
    await this.#cut(log, offset, () => {
      if (isWanted()) log.truncateFullyAndStartAt(offset, logStartOffset);
    });
  }

  /** A copy takes it from its log, with the next records. */
  updateConfig(topic: string, config: LogConfig): void {
    for (const log of this.logsOf(topic)) {
      const wasCompacted = isCompacted(log.config);
      log.updateConfig(config);
      if (wasCompacted && !isCompacted(config)) this.cleaner?.abort(log.state.name);
    }
  }

  /**
   * Closes all logs, in order, and leaves the marker in every directory that is whole. Checkpoints
   * of a directory come when all of its logs are durable.
   */
  async shutDown(brokerEpoch = -1): Promise<void> {
    this.#housekeeping.stop();
    this.#removal.stop();
    await this.examiner.stop();
    await this.cleaner?.stop();
    const { numRecoveryThreadsPerDataDir } = this.#options.settings;
    const closes = this.#online().map(async (directory) => {
      await closeLogs(this.disk, directory, Math.max(SYNCS_MAX, numRecoveryThreadsPerDataDir));
      await this.background.whenIdle();
      for (const kind of CHECKPOINT_KINDS) {
        await this.#guard(directory, () => directory.checkpoint(kind));
      }
      if (!directory.isLoaded || directory.failure !== null) return;
      await this.#guard(directory, () => directory.markCleanlyStopped(brokerEpoch));
    });
    await Promise.all(closes);
    this.handles.sweep();
    this.handles.sweep();
    for (const directory of this.#directories) directory.unlock();
  }

  /** Writes what changed since the last time, in every directory. */
  async checkpoint(kind: CheckpointKind): Promise<void> {
    const writes = this.#online().map((directory) => {
      return this.#guard(directory, () => directory.checkpoint(kind));
    });
    await Promise.all(writes);
  }

  #directoryAt(path: string): LogDirectory | undefined {
    return this.#directories.find((each) => each.path === path);
  }

  async #forgetGone(path: string): Promise<boolean> {
    const directory = this.#directoryAt(path);
    // Its checkpoints would be without what is yet to be loaded.
    if (directory?.isLoaded !== true) return false;
    await this.#guard(directory, () => directory.forgetGone());
    return directory.failure === null;
  }

  schedule(delayMs: number, work: () => void): void {
    this.#housekeeping.schedule(delayMs, work);
  }

  warmed(log: Coolable): void {
    this.#housekeeping.warmed(log);
  }

  segmentFlushed(path: string): void {
    const directory = this.#directoryAt(path);
    if (directory === undefined || this.#flushed.has(directory)) return;
    this.#flushed.add(directory);
    this.schedule(FLUSHED_DELAY_MS, () => {
      this.#flushed.delete(directory);
      void this.#guard(directory, () => directory.checkpoint("recoveryPoint"));
    });
  }

  directoryFailed(path: string, error: DiskError): void {
    const directory = this.#directoryAt(path);
    if (directory === undefined || directory.failure !== null) return;
    directory.failure = error;
    for (const log of directory.logs) log.state.failure ??= error;
    this.logger.error(`${path} is offline: ${error.message}`);
    this.#options.directoryFailed(directory, error, this.#online().length);
  }

  get #deleteDelayMs(): number {
    return this.#options.settings.logSegmentDeleteDelayMs;
  }

  #online(): LogDirectory[] {
    return this.#directories.filter((directory) => directory.failure === null);
  }

  /** Where the controller wants it, where people want it, where there are the fewest. */
  #candidatesFor(name: string, directoryId: string | null): LogDirectory[] {
    const online = this.#online();
    const wanted = online.filter((directory) => directory.id === directoryId);
    if (directoryId !== null && wanted.length > 0) return wanted;
    const preferred = online.filter((directory) => directory.path === this.#preferred.get(name));
    if (preferred.length > 0) return preferred;
    const cordoned = this.#options.cordoned?.() ?? [];
    const open = online.filter((directory) => !cordoned.includes(directory.path));
    const candidates = open.length > 0 ? open : online;
    return candidates.sort((left, right) => left.logs.size - right.logs.size);
  }

  /** In its directory, but not known as the partition's yet. */
  #create(
    directory: LogDirectory,
    name: string,
    topic: string,
    partition: number,
    topicId: string | null,
  ): Log | null {
    const path = `${directory.path}/${name}`;
    // What one log of a topic has, all have; to make it anew takes longer than to find one.
    const sibling = this.#logs.get(topic)?.find((log) => log !== undefined);
    const config = sibling?.config ?? this.#options.configOf(topic);
    try {
      const log = createLog(this, { directory: path, topic, partition, config, topicId });
      directory.logs.add(log);
      return log;
    } catch (error) {
      this.#failed(directory, error);
      return null;
    }
  }

  #remove(log: Log): void {
    this.directoryOf(log).remove(log);
    this.#removal.remove(log, this.#deleteDelayMs);
  }

  #leaveAside(log: Log, why: string): void {
    const path = this.#removal.setAside(log, "stray");
    void this.#forgetGone(log.state.parentDirectory);
    this.logger.warn(`${log.topic}-${log.partition} ${why}, and is now in ${path}`);
  }

  #take(topic: string, partition: number): Log | null {
    const log = this.get(topic, partition);
    if (log === null) return null;
    this.directoryOf(log).remove(log);
    delete this.#logs.get(topic)![partition];
    // Logs are mostly deleted from the first on: to look from the last ends soonest.
    const isLast = this.#logs.get(topic)!.findLastIndex((each) => each !== undefined) === -1;
    if (isLast) this.#logs.delete(topic);
    return log;
  }

  #add(log: Log): void {
    let logs = this.#logs.get(log.topic);
    if (logs === undefined) {
      logs = [];
      this.#logs.set(log.topic, logs);
    }
    logs[log.partition] = log;
  }

  /**
   * A recovery point on disk that is behind a cut would let recovery pass over what is written
   * there later: it is corrected before.
   */
  async #cut<T>(log: Log, offset: number, work: () => T): Promise<T> {
    const { state } = log;
    const isCleanerInTheWay = offset < state.segments.active.baseOffset;
    if (isCleanerInTheWay) await this.cleaner?.pause(state.name);
    // What is cut is recovered, even if another segment begins where it ends.
    const cutBase = state.segments.floor(offset)?.baseOffset ?? offset;
    const point = offset > cutBase ? offset - 1 : offset;
    state.cutOffset = Math.min(state.cutOffset, point);
    state.cutsUnderWay++;
    state.recoveryPoint = Math.min(state.recoveryPoint, point);
    if (state.recoveryPointOnDisk > point) {
      const directory = this.directoryOf(log);
      await this.#guard(directory, () => directory.checkpoint("recoveryPoint"));
    }
    const { cutCount } = state;
    const result = work();
    if (state.cutCount !== cutCount) await log.syncCut();
    state.cutsUnderWay--;
    if (state.cutsUnderWay === 0) state.cutOffset = Number.POSITIVE_INFINITY;
    if (isCleanerInTheWay) {
      await this.#cutCleanerOffset(log);
      this.cleaner?.resume(state.name);
    }
    return result;
  }

  /** What is written behind the cut is dirty. */
  async #cutCleanerOffset(log: Log): Promise<void> {
    const { baseOffset } = log.state.segments.active;
    if (log.state.cleanerOffset <= baseOffset) return;
    log.state.cleanerOffset = baseOffset;
    await this.#checkpointCleaner(log);
  }

  async #checkpointCleaner(log: Log): Promise<void> {
    const directory = this.#directories.find((each) => each.logs.has(log));
    if (directory === undefined) return;
    await this.#guard(directory, () => directory.checkpoint("cleanerOffset"));
  }

  /** Those of compacted logs are the cleaner's, and so are logs that it is still busy with. */
  #deleteOldSegments(): Promise<void> {
    return this.#housekeeping.forEach([...this.all()], (log) => {
      if (isCompacted(log.config) || this.cleaner?.isBusy(log.state.name)) return;
      log.deleteOldSegments();
    });
  }

  #expireProducers(): Promise<void> {
    const nowMs = this.clock.wallMs();
    return this.#housekeeping.forEach([...this.all()], (log) => log.removeExpiredProducers(nowMs));
  }

  async #guard(directory: LogDirectory, work: () => Promise<void>): Promise<void> {
    if (directory.failure !== null) return;
    try {
      await work();
    } catch (error) {
      this.#failed(directory, error);
    }
  }

  #failed(directory: LogDirectory, error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    this.directoryFailed(directory.path, error);
  }
}
