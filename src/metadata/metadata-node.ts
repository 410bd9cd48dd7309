/**
 * The metadata of the cluster on this node: the log `__cluster_metadata-0`, the controller that
 * writes it, and the image that is read from it. For now a quorum of one: this node is its only
 * voter, so it leads from the start, and what it has on disk is committed.
 *
 *   submit(command) -> records -> bytes -> log (page cache) -> working image        at once
 *                                           |
 *                              one sync for all that wait                            later
 *                                           |
 *              high watermark -> image -> listeners -> responses, in order           at once
 *
 * The controller decides on its working image, which runs ahead of the image by the records that
 * are not committed yet. Everyone else reads the image.
 *
 * Invariants: the image changes only by records below the high watermark, in their order; both
 * images pass through the same records; a response leaves after its records and all before them.
 *
 * USAGE
 *   const node = await MetadataNode.open(options);
 *   node.subscribe((delta, image) => ...);                  // at once with everything there is
 *   const response = await node.submit(createTopics(request));
 *   await node.stop();
 */
import type { Logger } from "../base/logger.ts";
import { Signal } from "../base/signal.ts";
import { METADATA_TOPIC_ID } from "../base/uuid.ts";
import type { World } from "../base/world.ts";
import type { LogHost } from "../log/log-host.ts";
import { openLog } from "../log/log-loader.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { BATCH_SIZE_MAX, controlBatch, dataBatch, sizeInBatch } from "../raft/raft-batch.ts";
import type { FetchSource } from "../raft/fetch-requests.ts";
import { refuseLostRecords } from "../raft/lost-records.ts";
import { RaftLog } from "../raft/raft-log.ts";
import { type LocalReplica, Quorum } from "../raft/quorum.ts";
import type { VoterSet } from "../raft/voter-set.ts";
import { activationRecords } from "./activation.ts";
import { readBootstrapRecords } from "./bootstrap-file.ts";
import { CommitQueue } from "./commit-queue.ts";
import { BrokerSessions } from "./controller/broker-sessions.ts";
import type { Command, ControllerRules, ControllerState } from "./controller/command.ts";
import { ControllerTasks } from "./controller-tasks.ts";
import { DiscardedDelta, type MetadataDelta } from "./delta.ts";
import { warnOfFeatures } from "./feature-warnings.ts";
import { deltaOfAll } from "./full-delta.ts";
import type { MetadataImage } from "./image.ts";
import { type LoadedMetadata, loadMetadata } from "./metadata-loader.ts";
import { type MetadataSettings, metadataLogConfig } from "./metadata-settings.ts";
import { type MetadataRecord, decodeRecord, encodeRecord } from "./record.ts";
import type { Replay } from "./replay.ts";
import { SnapshotGenerator } from "./snapshot-generator.ts";

export interface MetadataNodeOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly host: LogHost;
  /** metadata.log.dir: the directory that holds `__cluster_metadata-0`. */
  readonly metadataLogDir: string;
  readonly clusterId: string;
  /** This node as a voter: its id, its log directory's id, its controller listeners. */
  readonly local: LocalReplica;
  /** controller.quorum.voters; empty where the voters are dynamic. */
  readonly staticVoters: VoterSet;
  readonly rules: ControllerRules;
  readonly settings: MetadataSettings;
  /** The metadata can be written no more: the node has to stop. */
  readonly onFatal: (error: unknown) => void;
}

/** Called after the image has changed. */
export type MetadataListener = (delta: MetadataDelta, image: MetadataImage) => void;

/** More than a batch holds: the command is refused, and nothing has changed. */
export class TooManyRecordsError extends Error {}

/** The node is stopping, or its disk failed: whether the records are there is not known. */
export class MetadataStoppedError extends Error {}

/** A batch that was appended. */
interface Appended {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly epoch: number;
  readonly timestamp: number;
  readonly size: number;
  readonly records: readonly MetadataRecord[];
}

const EPOCH_LEAP_MAX = 1_000_000;

export class MetadataNode {
  /** Of committed records; the same object for the life of the node. */
  readonly image: MetadataImage;
  readonly raftLog: RaftLog;
  readonly quorum: Quorum;
  readonly sessions: BrokerSessions;
  /** Moves when records are committed, and when the log grows. */
  readonly moved = new Signal();
  readonly #options: MetadataNodeOptions;
  readonly #replay: Replay;
  readonly #working: MetadataImage;
  readonly #snapshots: SnapshotGenerator;
  readonly #tasks: ControllerTasks;
  readonly #listeners: MetadataListener[] = [];
  readonly #commits: CommitQueue<Appended>;
  #lastOffset: number;
  #lastEpoch: number;
  #lastTimestamp: number;
  /** One election at a time. */
  #elections = Promise.resolve();
  #stopped: Error | null = null;

  /** Throws `ProtocolError`, `DiskError` or `QuorumError`. Resolves when this node leads. */
  static async open(options: MetadataNodeOptions): Promise<MetadataNode> {
    const { world, host, settings, local, metadataLogDir, logger } = options;
    const directory = `${metadataLogDir}/${CLUSTER_METADATA_TOPIC}-0`;
    await refuseLostRecords(world.disk, directory);
    const log = await openLog(host, {
      directory,
      topic: CLUSTER_METADATA_TOPIC,
      partition: 0,
      config: metadataLogConfig(settings),
      recoveryPoint: 0,
      logStartOffset: 0,
      // Kafka trusts no marker here either: every batch is checked.
      wasCleanlyStopped: false,
      isAlwaysFlushed: true,
    });
    if (!log.assignTopicId(METADATA_TOPIC_ID)) {
      throw new ProtocolError(`${log.directory} belongs to another topic: ${log.topicId}`);
    }
    const raftLog = new RaftLog(world, log, logger, {
      retentionBytes: settings.metadataMaxRetentionBytes,
      retentionMs: settings.metadataMaxRetentionMs,
    });
    try {
      const loaded = await loadMetadata(world.disk, raftLog, options.clusterId);
      const quorum = new Quorum(world, raftLog, loaded.control, local, options.staticVoters);
      const node = new MetadataNode(options, raftLog, quorum, loaded);
      await node.#becomeLeader();
      return node;
    } catch (error) {
      await raftLog.close();
      throw error;
    }
  }

  private constructor(
    options: MetadataNodeOptions,
    raftLog: RaftLog,
    quorum: Quorum,
    loaded: LoadedMetadata,
  ) {
    const { world, logger, settings } = options;
    this.#options = options;
    this.raftLog = raftLog;
    this.quorum = quorum;
    this.#replay = loaded.replay;
    this.image = loaded.replay.image;
    this.#working = this.image.clone();
    this.#lastOffset = loaded.lastOffset;
    this.#lastEpoch = loaded.lastEpoch;
    this.#lastTimestamp = loaded.lastTimestamp;
    this.sessions = new BrokerSessions(world.clock, settings.brokerSessionTimeoutMs);
    const { logBytes } = loaded;
    this.#snapshots = new SnapshotGenerator(world, raftLog, logger, settings, logBytes, () =>
      this.#startSnapshot(),
    );
    this.#tasks = new ControllerTasks(this, world.clock, logger, settings);
    this.#commits = new CommitQueue(world.clock, {
      endOffset: () => raftLog.endOffset,
      sync: () => raftLog.flush(),
      committed: (batches, upTo) => this.#commit(batches, upTo),
      failed: (error) => this.#fail(error),
    });
  }

  /** The offset of the last record in the image. */
  get lastOffset(): number {
    return this.#lastOffset;
  }

  /** Whether anybody but this node reads the log. */
  get hasReaders(): boolean {
    return this.quorum.voters.size > 1 || this.quorum.observers().length > 0;
  }

  /** At once with everything there is, then after each change. */
  subscribe(listener: MetadataListener): void {
    listener(deltaOfAll(this.image), this.image);
    this.#listeners.push(listener);
  }

  /**
   * Runs a command. Resolves with its response when its records are committed, and all those it
   * may have seen; rejects with `TooManyRecordsError`, `MetadataStoppedError`, or `ProtocolError`
   * where what a client says cannot be written.
   */
  submit<Response>(command: Command<Response>): Promise<Response> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    try {
      const { records, response, isAtomic } = command(this.#state());
      const values = encodeAll(records);
      // Text of a client that is too long to be written: nothing has changed, and it alone pays.
      if (values instanceof ProtocolError) return Promise.reject(values);
      if (values.length === 0) return this.#commits.whenAll().then(() => response);
      const groups = isAtomic ? [values] : intoBatches(values);
      if (!groups.every(fitsIntoBatch)) {
        return Promise.reject(new TooManyRecordsError(`${values.length} records at once`));
      }
      const commits = groups.map((group) => this.#append(group));
      return Promise.all(commits).then(() => response);
    } catch (error) {
      this.#commits.fail(error);
      return Promise.reject(this.#stopped);
    }
  }

  /**
   * Another node claims a newer epoch: this one, the only voter, goes beyond it. A claim that no
   * number of elections could have reached is not followed, lest epochs run out.
   */
  leadBeyond(epoch: number): Promise<void> {
    const elected = this.#elections.then(async () => {
      const { epoch: own } = this.quorum;
      if (this.#stopped !== null || epoch <= own || epoch > own + EPOCH_LEAP_MAX) return;
      const { committed } = await this.#elect(epoch);
      await committed;
    });
    this.#elections = elected.catch((error: unknown) => this.#commits.fail(error));
    return elected;
  }

  /** What is submitted is committed or rejected; then the files are closed. */
  async stop(): Promise<void> {
    this.#stopped ??= new MetadataStoppedError("the node is stopping");
    this.#tasks.stop();
    await this.#snapshots.stop();
    await this.#commits.whenAll().catch(() => {});
    await this.raftLog.close();
    this.moved.move();
  }

  /** For the answers to those who read the log along: see raft-answers.ts. */
  get fetchSource(): FetchSource {
    const { world } = this.#options;
    const { quorum, raftLog, moved } = this;
    return { disk: world.disk, clock: world.clock, quorum, raftLog, moved };
  }

  /** Another node reads the log. */
  wasRead(): void {
    this.#tasks.othersCame();
  }

  /** For tests. */
  whenSnapshotIsWritten(): Promise<void> {
    return this.#snapshots.whenIdle();
  }

  async #becomeLeader(): Promise<void> {
    const { local, rules, logger, world, metadataLogDir } = this.#options;
    const hasMetadataVersion = this.#working.metadataVersion > 0;
    const bootstrapRecords = hasMetadataVersion
      ? []
      : readBootstrapRecords(world.disk, metadataLogDir, rules.supportedFeatures);
    const { committed } = await this.#elect(this.raftLog.lastEpoch);
    this.sessions.activate(this.#working, local.id);
    const records = activationRecords({
      hasMetadataVersion,
      transactionOffset: this.#replay.transactionOffset,
      bootstrapRecords,
      minIsr: rules.configs.staticTopicConfig("min.insync.replicas"),
    });
    const activated = this.submit(() => ({ records, response: null, isAtomic: false }));
    await Promise.all([committed, activated]);
    warnOfFeatures(this.image.features, rules.supportedFeatures, logger);
    const { epoch } = this.quorum;
    logger.info(`leads the metadata quorum in epoch ${epoch}, log end ${this.raftLog.endOffset}`);
    this.#tasks.start();
  }

  /** Resolves when the epoch has begun; the records that say so are committed later. */
  async #elect(seenEpoch: number): Promise<{ readonly committed: Promise<void> }> {
    const elected = await this.quorum.prepareElection(seenEpoch);
    this.quorum.lead(elected);
    const timestamp = this.#options.world.clock.wallMs();
    const baseOffset = this.raftLog.endOffset;
    const { epoch } = this.quorum;
    this.raftLog.beginEpoch(epoch);
    const controls = this.quorum.startRecords(baseOffset);
    const batch = controlBatch({ baseOffset, epoch, timestamp }, controls);
    return { committed: this.#write(batch, baseOffset, timestamp, []) };
  }

  #state(): ControllerState {
    return {
      image: this.#working,
      rules: this.#options.rules,
      sessions: this.sessions,
      nextOffset: this.raftLog.endOffset,
      kraftVersion: this.quorum.kraftVersion,
      random: this.#options.world.random,
    };
  }

  /** The values of one batch: they take effect on the working image as they will on replay. */
  #append(values: readonly Buffer[]): Promise<void> {
    const timestamp = this.#options.world.clock.wallMs();
    const baseOffset = this.raftLog.endOffset;
    const batch = dataBatch({ baseOffset, epoch: this.quorum.epoch, timestamp }, values);
    const records = values.map(decodeRecord);
    const committed = this.#write(batch, baseOffset, timestamp, records);
    // What changes in the working image is told to nobody.
    const delta = new DiscardedDelta();
    for (const [index, record] of records.entries()) {
      if (!isOfTransaction(record)) this.#working.apply(record, baseOffset + index, delta);
    }
    this.#tasks.appended();
    return committed;
  }

  #write(
    batch: Buffer,
    baseOffset: number,
    timestamp: number,
    records: readonly MetadataRecord[],
  ): Promise<void> {
    const { epoch } = this.quorum;
    this.raftLog.append(batch, epoch);
    this.moved.move();
    const { endOffset } = this.raftLog;
    const size = batch.length;
    const appended = { baseOffset, endOffset, epoch, timestamp, size, records };
    return this.#commits.add(endOffset, appended);
  }

  #commit(batches: readonly Appended[], upTo: number): void {
    this.raftLog.log.advanceHighWatermark(upTo);
    let bytes = 0;
    for (const { baseOffset, endOffset, epoch, timestamp, size, records } of batches) {
      for (const [index, record] of records.entries()) {
        this.#replay.replay(record, baseOffset + index);
      }
      this.#lastOffset = endOffset - 1;
      this.#lastEpoch = epoch;
      this.#lastTimestamp = timestamp;
      bytes += size;
    }
    const delta = this.#replay.takeDelta();
    for (const listener of this.#listeners) listener(delta, this.image);
    this.moved.move();
    this.#snapshots.committed(bytes);
  }

  /** Not in the middle of a transaction: the image lacks what is held back. */
  #startSnapshot(): void {
    if (this.#replay.transactionOffset >= 0) return;
    const { kraftVersion, control } = this.quorum;
    this.#snapshots.start(this.image, {
      id: { endOffset: this.#lastOffset + 1, epoch: this.#lastEpoch },
      timestamp: this.#lastTimestamp,
      kraftVersion,
      voters: control.voters,
    });
  }

  #fail(error: unknown): void {
    if (this.#stopped !== null) return;
    this.#stopped = new MetadataStoppedError(`the metadata log failed: ${error}`);
    this.#tasks.stop();
    this.#options.onFatal(error);
  }
}

const TRANSACTION_RECORDS: ReadonlySet<string> = new Set([
  "BeginTransactionRecord",
  "EndTransactionRecord",
  "AbortTransactionRecord",
]);

/** The controller writes a transaction whole or not at all: its own image needs no marks. */
function isOfTransaction(record: MetadataRecord): boolean {
  return TRANSACTION_RECORDS.has(record.name);
}

/** Kafka cuts a long result into batches of so many records. */
const RECORDS_PER_BATCH_MAX = 10_000;
const VALUES_SIZE_MAX = BATCH_SIZE_MAX - 1024;

function fitsIntoBatch(values: readonly Buffer[]): boolean {
  return values.reduce((sum, value) => sum + sizeInBatch(value), 0) <= VALUES_SIZE_MAX;
}

function intoBatches(values: readonly Buffer[]): Buffer[][] {
  const batches: Buffer[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const value of values) {
    const last = batches.at(-1);
    size += sizeInBatch(value);
    if (last === undefined || size > VALUES_SIZE_MAX || last.length === RECORDS_PER_BATCH_MAX) {
      batches.push([value]);
      size = sizeInBatch(value);
    } else last.push(value);
  }
  return batches;
}

function encodeAll(
  records: readonly Parameters<typeof encodeRecord>[0][],
): Buffer[] | ProtocolError {
  try {
    return records.map(encodeRecord);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
