/**
 * Writes a snapshot of the committed image when enough records or time have gone since the last,
 * a slice of records a turn, so that requests go on meanwhile.
 */
import type { Logger } from "../base/logger.ts";
import type { Timer, World } from "../base/world.ts";
import type { RaftLog } from "../raft/raft-log.ts";
import { type SnapshotId, snapshotFileName } from "../raft/snapshot-name.ts";
import { SnapshotWriter } from "../raft/snapshot-writer.ts";
import type { VoterSet } from "../raft/voter-set.ts";
import type { MetadataImage } from "./image.ts";
import type { MetadataSettings } from "./metadata-settings.ts";
import { encodeRecord } from "./record.ts";
import { snapshotRecords } from "./snapshot-records.ts";

/** What the snapshot says beside the image. */
export interface SnapshotPoint {
  readonly id: SnapshotId;
  readonly timestamp: number;
  readonly kraftVersion: number;
  readonly voters: VoterSet | null;
}

/** Records that are encoded before others have their turn. */
const SLICE_SIZE = 500;

export class SnapshotGenerator {
  readonly #world: World;
  readonly #raftLog: RaftLog;
  readonly #logger: Logger;
  readonly #settings: MetadataSettings;
  #bytesSince = 0;
  #lastMs: number;
  /** Of the latest that this node wrote; before that as of its start. */
  latestSize = 0;
  latestMs: number;
  #running: Promise<void> | null = null;
  #isStopped = false;
  /** Set while there are records that no snapshot holds, when time alone makes one due. */
  #timer: Timer | null = null;
  readonly #onDue: () => void;
  readonly #onWritten: (id: SnapshotId) => void;

  constructor(
    world: World,
    raftLog: RaftLog,
    logger: Logger,
    settings: MetadataSettings,
    onDue: () => void,
    onWritten: (id: SnapshotId) => void,
  ) {
    this.#world = world;
    this.#raftLog = raftLog;
    this.#logger = logger;
    this.#settings = settings;
    this.#lastMs = this.latestMs = world.clock.monotonicMs();
    this.#onDue = onDue;
    this.#onWritten = onWritten;
  }

  /** A snapshot has come from elsewhere. */
  restart(): void {
    this.#bytesSince = 0;
    this.#lastMs = this.#world.clock.monotonicMs();
  }

  committed(bytes: number): void {
    this.#bytesSince += bytes;
    if (this.isDue) this.#onDue();
    else this.#wakeInTime();
  }

  /** Whether it is time for a snapshot, and none is being written. */
  get isDue(): boolean {
    if (this.#running !== null || this.#isStopped || this.#bytesSince === 0) return false;
    const { metadataLogMaxRecordBytesBetweenSnapshots, metadataLogMaxSnapshotIntervalMs } =
      this.#settings;
    if (this.#bytesSince >= metadataLogMaxRecordBytesBetweenSnapshots) return true;
    const ageMs = this.#world.clock.monotonicMs() - this.#lastMs;
    return metadataLogMaxSnapshotIntervalMs > 0 && ageMs >= metadataLogMaxSnapshotIntervalMs;
  }

  /** The image is copied first: it may change while it is written. */
  start(image: MetadataImage, point: SnapshotPoint): void {
    this.#bytesSince = 0;
    this.#lastMs = this.#world.clock.monotonicMs();
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#raftLog.hasSnapshot(point.id)) return;
    const writing = this.#write(image.clone(), point);
    this.#running = writing.finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** For tests: the snapshot that is being written is complete. */
  async whenIdle(): Promise<void> {
    await this.#running;
  }

  #wakeInTime(): void {
    const { metadataLogMaxSnapshotIntervalMs: intervalMs } = this.#settings;
    if (intervalMs === 0 || this.#timer !== null || this.#isStopped) return;
    const ageMs = this.#world.clock.monotonicMs() - this.#lastMs;
    this.#timer = this.#world.clock.schedule(Math.max(0, intervalMs - ageMs), () => {
      this.#timer = null;
      if (this.isDue) this.#onDue();
    });
  }

  async #write(image: MetadataImage, point: SnapshotPoint): Promise<void> {
    const { id } = point;
    let writer: SnapshotWriter | null = null;
    try {
      writer = new SnapshotWriter(this.#world, this.#raftLog.directory, id);
      writer.begin({ ...point, lastContainedLogTimestamp: point.timestamp });
      let count = 0;
      for (const record of snapshotRecords(image)) {
        writer.append(encodeRecord(record));
        if (++count % SLICE_SIZE === 0) await this.#nextTurn();
        if (this.#isStopped) return writer.abort();
      }
      await writer.freeze();
      this.#logger.info(`wrote snapshot ${snapshotFileName(id)} of ${count} records`);
      this.latestSize = writer.size;
      this.latestMs = this.#world.clock.monotonicMs();
      this.#onWritten(id);
    } catch (error) {
      // The log still holds everything: the next snapshot is as good.
      this.#logger.error(`snapshot ${snapshotFileName(id)} could not be written: ${error}`);
    }
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#world.clock.schedule(0, resolve));
  }
}
