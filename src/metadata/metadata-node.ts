/**
 * The metadata of the cluster on this node: the log `__cluster_metadata-0`, and the image that is
 * read from it. This node leads the log's quorum, so it has the active controller, too.
 *
 *   submit(command) -> active-controller.ts -> raft-node.ts -> high watermark
 *                                                                    |
 *                       responses, in order  <-  listeners  <-  image changed
 *
 * Invariant: the image changes only by records below the high watermark, in their order.
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
import { DirectoryLock } from "../log/directory-lock.ts";
import type { LogHost } from "../log/log-host.ts";
import { openLog } from "../log/log-loader.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { refuseLostRecords } from "../raft/lost-records.ts";
import type { LocalReplica } from "../raft/quorum.ts";
import { RaftLog } from "../raft/raft-log.ts";
import { type AppendedBatch, RaftNode } from "../raft/raft-node.ts";
import type { VoterSet } from "../raft/voter-set.ts";
import { activationRecords } from "./activation.ts";
import { ActiveController } from "./active-controller.ts";
import { readBootstrapRecords } from "./bootstrap-file.ts";
import type { Command, ControllerRules } from "./controller/command.ts";
import type { MetadataDelta } from "./delta.ts";
import { warnOfFeatures } from "./feature-warnings.ts";
import { deltaOfAll } from "./full-delta.ts";
import type { MetadataImage } from "./image.ts";
import { MetadataStoppedError } from "./metadata-errors.ts";
import { type LoadedMetadata, loadMetadata } from "./metadata-loader.ts";
import { type MetadataSettings, metadataLogConfig } from "./metadata-settings.ts";
import type { MetadataRecord } from "./record.ts";
import type { Replay } from "./replay.ts";
import { SnapshotGenerator } from "./snapshot-generator.ts";

export interface MetadataNodeOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly host: LogHost;
  /** metadata.log.dir: the directory that holds `__cluster_metadata-0`. */
  readonly metadataLogDir: string;
  /** It is one of log.dirs, too: then the log manager has its lock. */
  readonly isLogDir: boolean;
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

export interface ActiveControllerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** Called after the image has changed. */
export type MetadataListener = (delta: MetadataDelta, image: MetadataImage) => void;

type Appended = AppendedBatch<readonly MetadataRecord[]>;

export class MetadataNode {
  /** Of committed records; the same object for the life of the node. */
  readonly image: MetadataImage;
  readonly raft: RaftNode<readonly MetadataRecord[]>;
  /** Moves when `activeController()` answers something else. */
  readonly controllerMoved = new Signal();
  readonly #options: MetadataNodeOptions;
  readonly #lock: DirectoryLock | null;
  readonly #replay: Replay;
  readonly #controller: ActiveController;
  readonly #snapshots: SnapshotGenerator;
  readonly #listeners: MetadataListener[] = [];
  #lastOffset: number;
  #lastEpoch: number;
  #lastTimestamp: number;

  /**
   * Throws `LogStartupError`, `ProtocolError`, `DiskError` or `QuorumError`. Resolves when this
   * node leads.
   */
  static async open(options: MetadataNodeOptions): Promise<MetadataNode> {
    const { world, metadataLogDir, isLogDir } = options;
    const lock = isLogDir ? null : new DirectoryLock(world.disk, metadataLogDir);
    const log = await openRaftLog(options);
    try {
      const loaded = await loadMetadata(world.disk, log, options.clusterId);
      const node = new MetadataNode(options, lock, log, loaded);
      await node.#becomeLeader();
      return node;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  private constructor(
    options: MetadataNodeOptions,
    lock: DirectoryLock | null,
    log: RaftLog,
    loaded: LoadedMetadata,
  ) {
    const { world, logger, settings, local, staticVoters, rules } = options;
    this.#options = options;
    this.#lock = lock;
    this.#replay = loaded.replay;
    this.image = loaded.replay.image;
    this.#lastOffset = loaded.lastOffset;
    this.#lastEpoch = loaded.lastEpoch;
    this.#lastTimestamp = loaded.lastTimestamp;
    const { control, logBytes } = loaded;
    this.raft = new RaftNode({
      world,
      log,
      control,
      local,
      staticVoters,
      listener: {
        committed: (batches) => this.#committed(batches),
        wasRead: () => this.#controller.wasRead(),
        failed: (error) => this.#failed(error),
      },
    });
    const { image, raft } = this;
    this.#controller = new ActiveController({ world, logger, raft, image, rules, settings });
    this.#snapshots = new SnapshotGenerator(world, log, logger, settings, logBytes, () =>
      this.#startSnapshot(),
    );
  }

  /** The offset of the last record in the image. */
  get lastOffset(): number {
    return this.#lastOffset;
  }

  /** Where the active controller is, as its listener is reached; null while none is known. */
  activeController(): ActiveControllerAddress | null {
    const { leaderId, local } = this.raft.quorum;
    const [endpoint] = local.endpoints;
    if (leaderId !== local.id || endpoint === undefined) return null;
    return { id: leaderId, host: endpoint.host, port: endpoint.port };
  }

  /** Whether commands can be submitted here. */
  get isActiveController(): boolean {
    return this.activeController()?.id === this.#options.local.id;
  }

  /** Nobody else could become the active controller. */
  get isOnlyVoter(): boolean {
    return this.raft.quorum.voters.size === 1;
  }

  /** Resolves when the image has all that was committed when this node first heard of a leader. */
  whenCaughtUp(): Promise<void> {
    return Promise.resolve();
  }

  /** At once with everything there is, then after each change. */
  subscribe(listener: MetadataListener): void {
    listener(deltaOfAll(this.image), this.image);
    this.#listeners.push(listener);
  }

  /** After each change, from the next on. */
  watch(listener: MetadataListener): void {
    this.#listeners.push(listener);
  }

  /** See `ActiveController.submit`. */
  submit<Response>(command: Command<Response>): Promise<Response> {
    return this.#controller.submit(command);
  }

  /** What is submitted is committed or rejected; then the files are closed. */
  async stop(): Promise<void> {
    this.#controller.stop(new MetadataStoppedError("the node is stopping"));
    this.raft.leave();
    await this.#snapshots.stop();
    await this.raft.close();
    // A disk that fails the metadata ends the node; it does not come here.
    this.#lock?.release(true);
  }

  /** For tests. */
  whenSnapshotIsWritten(): Promise<void> {
    return this.#snapshots.whenIdle();
  }

  async #becomeLeader(): Promise<void> {
    const { rules, logger, world, metadataLogDir } = this.#options;
    const { supportedFeatures } = rules;
    const { image, raft } = this;
    const hasMetadataVersion = image.metadataVersion > 0;
    const bootstrapRecords = hasMetadataVersion
      ? []
      : readBootstrapRecords(world.disk, metadataLogDir, supportedFeatures);
    const { committed } = await raft.lead(raft.log.lastEpoch);
    const records = activationRecords({
      hasMetadataVersion,
      transactionOffset: this.#replay.transactionOffset,
      bootstrapRecords,
      minIsr: rules.configs.staticTopicConfig("min.insync.replicas"),
    });
    await Promise.all([committed, this.#controller.activate(records)]);
    warnOfFeatures(image.features, supportedFeatures, logger);
    const { epoch } = raft.quorum;
    logger.info(`leads the metadata quorum in epoch ${epoch}, log end ${raft.log.endOffset}`);
    this.#controller.start();
  }

  #committed(batches: readonly Appended[]): void {
    let bytes = 0;
    for (const { baseOffset, endOffset, epoch, timestamp, size, records } of batches) {
      for (const [index, record] of (records ?? []).entries()) {
        this.#replay.replay(record, baseOffset + index);
      }
      this.#lastOffset = endOffset - 1;
      this.#lastEpoch = epoch;
      this.#lastTimestamp = timestamp;
      bytes += size;
    }
    const delta = this.#replay.takeDelta();
    for (const listener of this.#listeners) listener(delta, this.image);
    this.#snapshots.committed(bytes);
  }

  /** Not in the middle of a transaction: the image lacks what is held back. */
  #startSnapshot(): void {
    if (this.#replay.transactionOffset >= 0) return;
    const { kraftVersion, control } = this.raft.quorum;
    this.#snapshots.start(this.image, {
      id: { endOffset: this.#lastOffset + 1, epoch: this.#lastEpoch },
      timestamp: this.#lastTimestamp,
      kraftVersion,
      voters: control.voters,
    });
  }

  #failed(error: unknown): void {
    this.#controller.stop(new MetadataStoppedError(`the metadata log failed: ${error}`));
    this.#options.onFatal(error);
  }
}

async function openRaftLog(options: MetadataNodeOptions): Promise<RaftLog> {
  const { world, host, settings, metadataLogDir, logger } = options;
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
  return new RaftLog(world, log, logger, {
    retentionBytes: settings.metadataMaxRetentionBytes,
    retentionMs: settings.metadataMaxRetentionMs,
  });
}
