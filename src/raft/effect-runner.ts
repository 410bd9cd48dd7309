/**
 * What the core wants done on this node's disk. The promise that `carryOut` returns, if it does, is
 * over before the next effect may be carried out.
 *
 * A `flush` asks for a sync of all that is in the log then: it begins when this turn is over, and
 * those that are asked for while one is under way share the next.
 */
import { assert } from "../base/assert.ts";
import { later } from "../base/later.ts";
import type { Logger } from "../base/logger.ts";
import type { Queue } from "../base/queue.ts";
import type { Clock, Disk, World } from "../base/world.ts";
import type { RaftReply } from "./adapter/adapter.ts";
import { type CommitFeed, appendedOf } from "./commit-feed.ts";
import type { Effect, Input, ReadRange } from "./core/effects.ts";
import type { RaftResponse } from "./core/messages.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { maxTimestamp, setBaseOffset, setPartitionLeaderEpoch } from "../protocol/record-batch.ts";
import { FetchedBatch } from "./fetched-batch.ts";
import { encodeQuorumState, writeQuorumState } from "./quorum-state.ts";
import type { NewControlRecord } from "./control-record.ts";
import { controlBatch, NOWHERE } from "./raft-batch.ts";
import type { NewBatch, RaftListener } from "./raft-listener.ts";
import type { RaftLog } from "./raft-log.ts";
import { factsOfSnapshot } from "./replica-loader.ts";
import type { SnapshotDownload } from "./snapshot-download.ts";
import { type SnapshotId, snapshotFileName } from "./snapshot-name.ts";

export interface EffectRunnerOptions<Records> {
  readonly world: World;
  readonly logger: Logger;
  readonly log: RaftLog;
  readonly feed: CommitFeed<Records>;
  readonly listener: RaftListener<Records>;
  readonly decode: (values: readonly Buffer[]) => Records;
  readonly take: (input: Input) => void;
  readonly fail: (error: unknown) => void;
}

type DownloadModule = typeof import("./snapshot-download.ts");
const downloadModule = later((): DownloadModule => require("./snapshot-download.ts"));

type EffectOf<Kind> = Extract<Effect, { readonly kind: Kind }>;

/** Whoever asks for more gets the rest with the next request. */
const READ_SIZE_MAX = 8 * 1024 * 1024;
/** A leader that sends what is no snapshot is not asked again at once. */
const REFUSED_MS = 1000;

export class EffectRunner<Records> {
  readonly #options: EffectRunnerOptions<Records>;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: RaftLog;
  readonly #feed: CommitFeed<Records>;
  #download: SnapshotDownload | null = null;
  /** Newer ones follow that make it needless: all up to this one are left out. */
  #persisting: Effect | null = null;
  #wanted: EffectOf<"flush"> | null = null;
  #syncing: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: EffectRunnerOptions<Records>) {
    this.#options = options;
    this.#disk = options.world.disk;
    this.#clock = options.world.clock;
    this.#log = options.log;
    this.#feed = options.feed;
  }

  carryOut(effect: Effect, behind: Queue<Effect>): Promise<void> | null {
    switch (effect.kind) {
      case "persist":
        return this.#persist(effect, behind);
      case "append":
        this.#append(effect);
        return null;
      case "truncate":
        return this.#truncate(effect.endOffset);
      case "flush":
        this.#wanted = effect;
        this.#syncSoon();
        return null;
      case "beginSnapshot":
        this.#beginDownload(effect.id);
        return null;
      case "writeSnapshot":
        assert(effect.bytes instanceof Buffer, "a part of a snapshot is bytes");
        this.#download?.write(effect.bytes, effect.position);
        return null;
      case "dropSnapshot":
        this.#download?.drop();
        this.#download = null;
        return null;
      case "completeSnapshot":
        return this.#completeSnapshot(effect.id);
      default:
        assert(false, `${effect.kind} is of no disk`);
    }
  }

  advance(highWatermark: number): void {
    this.#log.advanceHighWatermark(highWatermark);
    this.#feed.advance(highWatermark);
  }

  /** `isSame`: nothing was cut off since the core named the range. */
  async read(
    response: RaftResponse,
    range: ReadRange,
    isSame: () => boolean,
  ): Promise<RaftReply<RaftResponse>> {
    const sizeMax = Math.min(Math.max(range.maxBytes, 0), READ_SIZE_MAX);
    if (range.kind === "log") {
      const upTo = this.#log.endOffset;
      const bytes = await this.#log.read(range.fromOffset, sizeMax, upTo);
      return { response, bytes: isSame() ? bytes : NOTHING };
    }
    assert(response.kind === "fetchSnapshot", "a part of a snapshot is asked for so");
    const path = this.#log.snapshotPath(range.id);
    const size = this.#disk.status(path)?.size ?? -1;
    const failed = (errorCode: ErrorCode) => ({
      response: { ...response, errorCode, snapshotId: null },
      bytes: NOTHING,
    });
    if (size < 0) return failed(ErrorCode.SNAPSHOT_NOT_FOUND);
    if (range.position >= size) return failed(ErrorCode.POSITION_OUT_OF_RANGE);
    const part = Math.min(sizeMax, size - range.position);
    const bytes = await readRange(this.#disk, path, range.position, part);
    return { response: { ...response, size, byteCount: bytes.length }, bytes };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#syncing?.catch(() => {});
    this.#download?.drop();
    this.#download = null;
  }

  /** Of several without anything between them that others would notice, the last says it all. */
  #persist(effect: EffectOf<"persist">, behind: Queue<Effect>): Promise<void> | null {
    if (this.#persisting !== null) {
      if (this.#persisting === effect) this.#persisting = null;
      return null;
    }
    let last = effect;
    for (let index = 0; index < behind.length; index++) {
      const next = behind.at(index);
      if (next.kind === "persist") last = next;
      else if (next.kind !== "leaderChanged") break;
    }
    if (last !== effect) this.#persisting = last;
    const text = encodeQuorumState(last.election, last.kraftVersion, last.voterIds);
    return writeQuorumState(this.#disk, this.#log.directory, text);
  }

  #append({ batch, controls }: EffectOf<"append">): void {
    const { baseOffset, endOffset, epoch, payload } = batch;
    if (payload instanceof FetchedBatch) {
      this.#log.appendFetched(payload.bytes, epoch);
      this.#feed.appended(appendedOf(payload.batch, this.#options.decode));
      return;
    }
    const { bytes, records } =
      controls === null ? (payload as NewBatch<Records>) : this.#ownBatch(controls);
    setBaseOffset(bytes, 0, baseOffset);
    setPartitionLeaderEpoch(bytes, 0, epoch);
    const at = { baseOffset, epoch, timestamp: maxTimestamp(bytes, 0) };
    this.#log.append(bytes, epoch);
    assert(this.#log.endOffset === endOffset, "the log ends where the core says");
    this.#feed.appended({ ...at, endOffset, size: bytes.length, records });
  }

  async #truncate(endOffset: number): Promise<void> {
    await this.#log.prepareCut(endOffset);
    if (this.#isClosed) return;
    this.#log.truncateTo(endOffset);
    this.#feed.truncated(endOffset);
    await this.#log.syncCut();
  }

  #ownBatch(controls: readonly NewControlRecord[]) {
    const at = { ...NOWHERE, timestamp: this.#clock.wallMs() };
    return { bytes: controlBatch(at, controls), records: null };
  }

  #beginDownload(id: SnapshotId): void {
    const { SnapshotDownload } = downloadModule();
    this.#download = new SnapshotDownload(this.#disk, this.#log.directory, id);
  }

  async #completeSnapshot(id: SnapshotId): Promise<void> {
    const download = this.#download;
    assert(download !== null, "a snapshot that has come");
    this.#download = null;
    const { logger, listener, take } = this.#options;
    const snapshot = await download.complete(this.#clock);
    if (this.#isClosed) return;
    if (snapshot === null) {
      logger.error(`${snapshotFileName(id)}, as the leader sent it, is not whole: asking again`);
      this.#clock.schedule(REFUSED_MS, () => take({ kind: "snapshotRefused", id }));
      return;
    }
    // A sync under way would be of files that are about to go.
    await this.#syncing;
    await this.#log.prepareCut(id.endOffset);
    if (this.#isClosed) return;
    this.#log.restartAt(id);
    await this.#log.syncCut();
    logger.info(`${snapshotFileName(id)} has come from the leader, and stands for the log`);
    await listener.loadSnapshot(id, snapshot);
    if (this.#isClosed) return;
    this.#feed.restart(id.endOffset);
    take({ kind: "snapshotLoaded", id, facts: factsOfSnapshot(snapshot, id.endOffset) });
  }

  #syncSoon(): void {
    if (this.#syncing !== null || this.#isClosed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#syncing = promise.then(() => this.#syncAll()).catch(this.#options.fail);
    this.#clock.afterTurn(resolve);
  }

  async #syncAll(): Promise<void> {
    while (this.#wanted !== null && !this.#isClosed) {
      const { endOffset, truncations } = this.#wanted;
      this.#wanted = null;
      await this.#log.flush();
      if (this.#isClosed) return;
      this.#options.take({ kind: "flushed", endOffset, truncations });
    }
    this.#syncing = null;
  }
}

const NOTHING = Buffer.alloc(0);

async function readRange(
  disk: Disk,
  path: string,
  position: number,
  size: number,
): Promise<Buffer> {
  const file = disk.open(path, "read");
  try {
    const bytes = Buffer.alloc(size);
    const count = await file.readLater(bytes, 0, size, position);
    return bytes.subarray(0, count);
  } finally {
    file.close();
  }
}
