/**
 * One directory of `log.dirs`: its lock, its marker, its checkpoints, and the logs in it.
 *
 * A checkpoint is written when an offset of it has changed, and holds all logs of the directory.
 * Errors of the disk take the directory offline, from where it comes back with a restart.
 */
import type { Logger } from "../base/logger.ts";
import { Slices } from "../base/slices.ts";
import type { Clock, Disk, DiskError } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { cleanShutdownMs, takeCleanShutdown, writeCleanShutdown } from "./clean-shutdown.ts";
import { DirectoryLock } from "./directory-lock.ts";
import type { Log } from "./log.ts";
import type { LogHost } from "./log-host.ts";
import {
  checkpointLine,
  CLEANER_OFFSET_FILE,
  HIGH_WATERMARK_FILE,
  LOG_START_OFFSET_FILE,
  OffsetCheckpoint,
  RECOVERY_POINT_FILE,
} from "./offset-checkpoint.ts";
import { parentOf } from "./replace-file.ts";

export type CheckpointKind = "recoveryPoint" | "logStartOffset" | "highWatermark" | "cleanerOffset";

/** What the checkpoints and the marker said at start-up. */
export interface DirectoryMemory {
  readonly wasCleanlyStopped: boolean;
  /** When that was; -1 without the marker. */
  readonly stoppedMs: number;
  readonly recoveryPoints: ReadonlyMap<string, number>;
  readonly logStartOffsets: ReadonlyMap<string, number>;
  readonly highWatermarks: ReadonlyMap<string, number>;
  readonly cleanerOffsets: ReadonlyMap<string, number>;
}

export class LogDirectory {
  readonly path: string;
  /** Of meta.properties; null before Kafka 3.7. */
  readonly id: string | null;
  readonly logs = new Set<Log>();
  /** What took it offline. */
  failure: DiskError | null = null;
  /** It was made just now, and a loss of power may take it away. */
  isNew = false;
  /** Every log in it was loaded: only then the stop may leave the marker. */
  isLoaded = false;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #checkpoints: Record<CheckpointKind, OffsetCheckpoint>;
  /** Checkpoints that name a log which is gone. */
  readonly #shrunk = new Set<CheckpointKind>();
  /** Since `forgetGone` began the last time. */
  #hasGone = false;
  #lock: DirectoryLock | null = null;

  constructor({ disk, clock, logger }: LogHost, path: string, id: string | null) {
    this.#disk = disk;
    this.#clock = clock;
    this.#logger = logger;
    this.path = path;
    this.id = id;
    this.#checkpoints = {
      recoveryPoint: new OffsetCheckpoint(disk, path, RECOVERY_POINT_FILE),
      logStartOffset: new OffsetCheckpoint(disk, path, LOG_START_OFFSET_FILE),
      highWatermark: new OffsetCheckpoint(disk, path, HIGH_WATERMARK_FILE),
      cleanerOffset: new OffsetCheckpoint(disk, path, CLEANER_OFFSET_FILE),
    };
  }

  /** Throws `LogStartupError` when another process has it. */
  lock(): void {
    this.#lock ??= new DirectoryLock(this.#disk, this.path);
  }

  unlock(): void {
    this.#lock?.release(this.failure === null);
    this.#lock = null;
  }

  /** Takes the marker away, before anything is loaded. */
  async remember(): Promise<DirectoryMemory> {
    if (this.isNew) await this.#disk.syncDirectory(parentOf(this.path));
    this.isNew = false;
    const stoppedMs = cleanShutdownMs(this.#disk, this.path);
    const wasCleanlyStopped = await takeCleanShutdown(this.#disk, this.path);
    return {
      wasCleanlyStopped,
      stoppedMs,
      recoveryPoints: this.#readOrNothing("recoveryPoint"),
      logStartOffsets: this.#readOrNothing("logStartOffset"),
      highWatermarks: this.#readOrNothing("highWatermark"),
      cleanerOffsets: this.#readOrNothing("cleanerOffset"),
    };
  }

  /** As in Kafka the file of the cleaner is there before anything is cleaned. */
  prepareCleaner(): void {
    const path = `${this.path}/${CLEANER_OFFSET_FILE}`;
    if (this.failure !== null || this.#disk.status(path) !== null) return;
    this.#disk.open(path, "create").close();
  }

  /** Writes one of the checkpoints when it has changed. Rejects with `DiskError`. */
  async checkpoint(kind: CheckpointKind): Promise<void> {
    if (this.failure !== null || !(await this.#hasChanged(kind))) return;
    this.#shrunk.delete(kind);
    await this.#checkpoints[kind].write(() => this.#lines(kind));
  }

  /** The last thing that a clean stop writes. */
  markCleanlyStopped(brokerEpoch: number): Promise<void> {
    return writeCleanShutdown(this.#disk, this.path, brokerEpoch);
  }

  /** A log has gone: the next checkpoints are without it. */
  remove(log: Log): void {
    this.logs.delete(log);
    this.noteGone();
  }

  noteGone(): void {
    this.#hasGone = true;
    for (const kind of CHECKPOINT_KINDS) this.#shrunk.add(kind);
  }

  /**
   * Resolves when no checkpoint names a log that went before the call. Until then the renamed
   * directory of that log has to stay: after a crash it says that the entries are not those of a
   * newer log by its name. Rejects with `DiskError`.
   */
  async forgetGone(): Promise<void> {
    if (!this.#hasGone) return;
    this.#hasGone = false;
    for (const kind of CHECKPOINT_KINDS) {
      await this.checkpoint(kind);
      await this.#checkpoints[kind].whenIdle();
    }
  }

  /** Of many logs it takes several turns: what changes behind it is for the next time. */
  async #hasChanged(kind: CheckpointKind): Promise<boolean> {
    if (this.#shrunk.has(kind)) return true;
    const slices = new Slices(this.#clock);
    let count = 0;
    for (const log of this.logs) {
      if (log.state[`${kind}OnDisk`] !== OFFSET_OF[kind](log)) return true;
      // Looking at the clock costs as much.
      if (++count % LOGS_A_STEP === 0 && slices.isOver) await slices.next();
    }
    return false;
  }

  /** Of many logs it takes several turns; each line is of its own moment. */
  async #lines(kind: CheckpointKind): Promise<string[]> {
    const lines: string[] = [];
    const slices = new Slices(this.#clock);
    for (const log of [...this.logs]) {
      if (slices.isOver) await slices.next();
      const offset = OFFSET_OF[kind](log);
      log.state[`${kind}OnDisk`] = offset;
      if (offset >= 0) lines.push(checkpointLine(log.topic, log.partition, offset));
    }
    return lines;
  }

  /** A damaged checkpoint costs time (recovery from the start), never records. */
  #readOrNothing(kind: CheckpointKind): Map<string, number> {
    try {
      return this.#checkpoints[kind].read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#logger.warn(`${this.path}: the checkpoint of ${kind}s is damaged: ${error.message}`);
      return new Map();
    }
  }
}

const LOGS_A_STEP = 64;

export const CHECKPOINT_KINDS = [
  "recoveryPoint",
  "logStartOffset",
  "highWatermark",
  "cleanerOffset",
] as const;

/** -1 leaves the log out: one that begins where its first segment does needs no start offset. */
const OFFSET_OF: Record<CheckpointKind, (log: Log) => number> = {
  recoveryPoint: (log) => log.recoveryPoint,
  logStartOffset: (log) => {
    return log.logStartOffset > log.firstSegmentBaseOffset ? log.logStartOffset : -1;
  },
  highWatermark: (log) => log.highWatermark,
  cleanerOffset: (log) => log.state.cleanerOffset,
};
