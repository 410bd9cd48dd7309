/**
 * Start-up of the log directories, in Kafka's order.
 *
 *   1. every directory is made, read for whose it is, and locked
 *   2. the marker of a clean stop is taken away, the checkpoints are read
 *   3. each partition's log is opened: most at once, those in doubt a few at a time
 */
import { Slices } from "../base/slices.ts";
import { DiskError } from "../base/world.ts";
import { type DirectoryMemory, LogDirectory } from "./log-directory.ts";
import type { LogConfig } from "./log-config.ts";
import type { LogHost } from "./log-host.ts";
import { openCleanly, openThoroughly, type OpenLog } from "./log-loader.ts";
import {
  CLUSTER_METADATA_TOPIC,
  NAME_LENGTH_MAX,
  parsePartitionDirectoryName,
  partitionDirectoryName,
} from "./log-names.ts";
import { LogStartupError } from "./log-startup-error.ts";
import type { Log } from "./log.ts";
import { MetaPropertiesError, readMetaProperties } from "./meta-properties.ts";
import { WorkQueue } from "./work-queue.ts";

export interface LoadedDirectory {
  /** Directories of partitions that were deleted before the stop. */
  readonly leftToDelete: readonly string[];
}

/** How long logs are opened before others may run. */
const SLICE_MS = 8;

/** A directory that cannot be used is offline; with none left the node does not start. */
export function openDirectories(host: LogHost, paths: readonly string[]): LogDirectory[] {
  const directories: LogDirectory[] = [];
  let lastError: DiskError | null = null;
  if (new Set(paths).size < paths.length) {
    throw new LogStartupError(`Duplicate log directory found: ${paths.join(", ")}`);
  }
  for (const path of paths) {
    try {
      directories.push(openDirectory(host, path));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      lastError = error;
      host.logger.error(`${path} is offline: ${error.message}`);
      const directory = new LogDirectory(host, path, null);
      directory.failure = error;
      directories.push(directory);
    }
  }
  if (directories.every((directory) => directory.failure !== null)) {
    throw new LogStartupError(
      `No log directory can be used: ${lastError?.message ?? "none given"}`,
    );
  }
  return directories;
}

/** Opens all logs of a directory and hands each to `add`. */
export async function loadDirectory(
  host: LogHost,
  directory: LogDirectory,
  options: { readonly configOf: (topic: string) => LogConfig; readonly workers: number },
  add: (log: Log) => void,
): Promise<LoadedDirectory> {
  try {
    return await new DirectoryLoad(host, directory, options, add).run();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    host.directoryFailed(directory.path, error);
    return { leftToDelete: [] };
  }
}

function openDirectory(host: LogHost, path: string): LogDirectory {
  const isNew = host.disk.status(path) === null;
  if (isNew) host.disk.makeDirectory(path);
  let id: string | null = null;
  try {
    id = readMetaProperties(host.disk, path)?.directoryId ?? null;
  } catch (error) {
    if (!(error instanceof MetaPropertiesError)) throw error;
    throw new LogStartupError(`${path}: ${error.message}`);
  }
  const directory = new LogDirectory(host, path, id);
  directory.isNew = isNew;
  directory.lock();
  return directory;
}

class DirectoryLoad {
  readonly #leftToDelete: string[] = [];
  readonly #queue: WorkQueue;

  constructor(
    readonly host: LogHost,
    readonly directory: LogDirectory,
    readonly options: { readonly configOf: (topic: string) => LogConfig; readonly workers: number },
    readonly add: (log: Log) => void,
  ) {
    this.#queue = new WorkQueue(options.workers);
  }

  async run(): Promise<LoadedDirectory> {
    const { host, directory } = this;
    const startMs = host.clock.monotonicMs();
    const names = host.disk.list(directory.path);
    const memory = memoryWithoutGone(await directory.remember(), names);
    const inDoubt: Promise<void>[] = [];
    const slices = new Slices(host.clock, SLICE_MS);
    for (const options of this.#partitions(names, memory)) {
      const log = this.#openAtOnce(options);
      if (log !== null) this.#take(log, memory);
      else inDoubt.push(this.#queue.run(() => this.#openSlowly(options, memory)));
      if (slices.isOver) await slices.next();
    }
    await Promise.all(inDoubt);
    // Not before: syncing would hold up the logs that are still to be opened.
    const flushes = Array.from(directory.logs, (log) => log.flushRecovered());
    await Promise.all(flushes);
    directory.isLoaded = true;
    const tookMs = Math.round(host.clock.monotonicMs() - startMs);
    host.logger.info(
      `${directory.path}: loaded ${directory.logs.size} logs in ${tookMs} ms` +
        (memory.wasCleanlyStopped ? "" : " without the marker of a clean stop"),
    );
    return { leftToDelete: this.#leftToDelete };
  }

  *#partitions(names: readonly string[], memory: DirectoryMemory): Generator<OpenLog> {
    const { host, directory } = this;
    // Partitions share the settings of their topic, and the text of its name.
    const topics = new Map<string, { readonly topic: string; readonly config: LogConfig }>();
    for (const name of names) {
      const parsed = parsePartitionDirectoryName(name);
      if (parsed === null || parsed.topic === CLUSTER_METADATA_TOPIC) continue;
      const path = `${directory.path}/${name}`;
      const { partition, state } = parsed;
      if (state === "delete") {
        directory.noteGone();
        this.#leftToDelete.push(path);
        continue;
      }
      if (state === "stray") {
        host.logger.warn(`${path} is left alone: it is no current partition`);
        continue;
      }
      let known = topics.get(parsed.topic);
      if (known === undefined) {
        known = { topic: parsed.topic, config: this.options.configOf(parsed.topic) };
        topics.set(known.topic, known);
      }
      const key = partitionDirectoryName(known.topic, partition);
      yield {
        directory: path,
        ...known,
        partition,
        recoveryPoint: memory.recoveryPoints.get(key) ?? null,
        logStartOffset: memory.logStartOffsets.get(key) ?? null,
        wasCleanlyStopped: memory.wasCleanlyStopped,
        stoppedMs: memory.stoppedMs,
        cleanerOffset: memory.cleanerOffsets.get(key) ?? -1,
      };
    }
  }

  #openAtOnce(options: OpenLog): Log | null {
    try {
      return openCleanly(this.host, options);
    } catch (error) {
      // A file by the name of a partition is left for the thorough way to see.
      if (error instanceof DiskError && error.code === "ENOTDIR") return null;
      throw error;
    }
  }

  async #openSlowly(options: OpenLog, memory: DirectoryMemory): Promise<void> {
    if (this.host.disk.status(options.directory)?.isDirectory !== true) {
      this.host.logger.warn(`${options.directory} is left alone: it is no directory`);
      return;
    }
    this.#take(await openThoroughly(this.host, options), memory);
  }

  #take(log: Log, memory: DirectoryMemory): void {
    const key = partitionDirectoryName(log.topic, log.partition);
    log.setHighWatermark(memory.highWatermarks.get(key) ?? 0);
    log.state.recoveryPointOnDisk = memory.recoveryPoints.get(key) ?? -1;
    log.state.logStartOffsetOnDisk = memory.logStartOffsets.get(key) ?? -1;
    log.state.highWatermarkOnDisk = memory.highWatermarks.get(key) ?? -1;
    log.state.cleanerOffset = memory.cleanerOffsets.get(key) ?? -1;
    log.state.cleanerOffsetOnDisk = log.state.cleanerOffset;
    this.directory.logs.add(log);
    this.add(log);
  }
}

/**
 * After a crash the checkpoints may be older than the logs by their names: where one has gone whose
 * directory still stands (see `LogDirectory.forgetGone`), what they say is not believed. A newer
 * log would begin beyond its records, or take for flushed what was not.
 */
function memoryWithoutGone(memory: DirectoryMemory, names: readonly string[]): DirectoryMemory {
  const gone = names.flatMap((name) => {
    const parsed = parsePartitionDirectoryName(name);
    return parsed?.state === "delete" ? { ...parsed, isCut: name.length === NAME_LENGTH_MAX } : [];
  });
  if (memory.wasCleanlyStopped || gone.length === 0) return memory;
  const keys = new Set(
    gone.map(({ topic, partition }) => partitionDirectoryName(topic, partition)),
  );
  const cut = gone.filter(({ isCut }) => isCut);
  const isGone = (key: string) =>
    keys.has(key) ||
    cut.some(({ topic, partition }) => key.startsWith(topic) && key.endsWith(`-${partition}`));
  const rest = (offsets: ReadonlyMap<string, number>) =>
    new Map([...offsets].filter(([key]) => !isGone(key)));
  return {
    ...memory,
    recoveryPoints: rest(memory.recoveryPoints),
    logStartOffsets: rest(memory.logStartOffsets),
    highWatermarks: rest(memory.highWatermarks),
    cleanerOffsets: rest(memory.cleanerOffsets),
  };
}
