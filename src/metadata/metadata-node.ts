/**
 * The metadata of the cluster on this node: the log `__cluster_metadata-0`, and the image that is
 * read from it. One node of the quorum leads the log, and has the active controller:
 *
 *   submit(command) -> active-controller.ts -> raft-node.ts -> high watermark
 *                                                                    |
 *                       responses, in order  <-  listeners  <-  image changed
 *
 * Every other node reads the log along, as a voter or as an observer, and has the same image.
 *
 * Invariant: the image changes only by records below the high watermark, in their order, or by a
 * snapshot of them.
 *
 * USAGE
 *   const node = await MetadataNode.open(options);
 *   await node.whenCaughtUp();
 *   node.subscribe((delta, image) => ...);                  // at once with everything there is
 *   const response = await node.submit(createTopics(request));
 *   await node.stop();
 */
import { later } from "../base/later.ts";
import type { Logger } from "../base/logger.ts";
import { Signal, waitUntil } from "../base/signal.ts";
import { Slices } from "../base/slices.ts";
import type { World } from "../base/world.ts";
import { DirectoryLock } from "../log/directory-lock.ts";
import type { LogHost } from "../log/log-host.ts";
import type { AppendedBatch } from "../raft/commit-feed.ts";
import { reasonAgainstReplica } from "../raft/first-checks.ts";
import { QuorumError, RaftNode } from "../raft/raft-node.ts";
import type { RaftListener } from "../raft/raft-listener.ts";
import type { RaftPeersOptions } from "../raft/raft-peers.ts";
import { loadReplica } from "../raft/replica-loader.ts";
import type { SnapshotId } from "../raft/snapshot-name.ts";
import type { Snapshot } from "../raft/snapshot-reader.ts";
import {
  KRAFT_VERSIONS,
  type LocalReplica,
  type VoterSet,
  isOnlyVoter,
} from "../raft/voter-set.ts";
import { activationRecords } from "./activation.ts";
import { ActiveController } from "./active-controller.ts";
import { readBootstrapRecords } from "./bootstrap-file.ts";
import type { Command, ControllerRules } from "./controller/command.ts";
import type { MetadataDelta } from "./delta.ts";
import { warnOfFeatures } from "./feature-warnings.ts";
import { deltaOfAll } from "./full-delta.ts";
import type { MetadataImage } from "./image.ts";
import { MetadataStoppedError, NotControllerError } from "./metadata-errors.ts";
import { MetadataStats } from "./metadata-stats.ts";
import { type LoadedMetadata, loadMetadata, loadSteps } from "./metadata-loader.ts";
import { openMetadataLog } from "./metadata-log.ts";
import type { MetadataSettings, QuorumSettings } from "./metadata-settings.ts";
import { type MetadataRecord, decodeRecord } from "./record.ts";
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
  readonly quorum: QuorumSettings;
  readonly peers: Pick<RaftPeersOptions, "clientId" | "setupTimeoutMs" | "pool">;
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

type Records = readonly MetadataRecord[];
type Appended = AppendedBatch<Records>;

type ReplacementModule = typeof import("./image-replacement.ts");
const replacementModule = later((): ReplacementModule => require("./image-replacement.ts"));

/** No settings: how long a fetch waits for news, which Kafka has in its code, and our haste. */
const OWN = { fetchMaxWaitMs: 500, isHasty: true } as const;

export class MetadataNode {
  /** Of committed records; the same object for the life of the node. */
  readonly image: MetadataImage;
  readonly raft: RaftNode<Records>;
  /** Moves when `activeController()` answers something else, or may. */
  readonly controllerMoved: Signal;
  readonly stats = new MetadataStats();
  readonly #options: MetadataNodeOptions;
  readonly #lock: DirectoryLock | null;
  readonly #replay: Replay;
  readonly #snapshots: SnapshotGenerator;
  readonly #listeners: MetadataListener[] = [];
  /** While this node leads, from when all before its epoch has been applied. */
  #controller: ActiveController | null = null;
  #stopped: MetadataStoppedError | null = null;
  #lastOffset: number;
  #lastEpoch: number;
  #lastTimestamp: number;

  /**
   * Throws `LogStartupError`, `ProtocolError`, `DiskError` or `QuorumError`. Resolves when others
   * can be answered; for who leads, and what is committed, see `whenCaughtUp`.
   */
  static async open(options: MetadataNodeOptions): Promise<MetadataNode> {
    const { world, metadataLogDir, isLogDir, clusterId } = options;
    const lock = isLogDir ? null : new DirectoryLock(world.disk, metadataLogDir);
    const log = await openMetadataLog(options);
    try {
      const replica = await loadReplica(world.disk, log);
      const reason = reasonAgainstReplica(replica.facts, options);
      if (reason !== null) throw new QuorumError(reason);
      const loaded = loadMetadata(log, replica.snapshot, clusterId);
      const node = new MetadataNode(options, lock, loaded, (listener) => {
        const config = { ...options.quorum, ...whoIs(options), ...OWN };
        const decode = (values: readonly Buffer[]) => values.map(decodeRecord);
        return new RaftNode({ ...options, log, loaded: replica, config, decode, listener });
      });
      node.raft.start();
      return node;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  private constructor(
    options: MetadataNodeOptions,
    lock: DirectoryLock | null,
    loaded: LoadedMetadata,
    makeRaft: (listener: RaftListener<Records>) => RaftNode<Records>,
  ) {
    const { world, logger, settings } = options;
    this.#options = options;
    this.#lock = lock;
    this.#replay = loaded.replay;
    this.image = loaded.replay.image;
    this.#lastOffset = loaded.lastOffset;
    this.#lastEpoch = loaded.lastEpoch;
    this.#lastTimestamp = loaded.lastTimestamp;
    // Nobody asked for what the snapshot says.
    this.#replay.takeDelta();
    this.raft = makeRaft({
      committed: (batches) => this.#committed(batches),
      leads: (epoch) => this.#leads(epoch),
      resigned: () => this.#resigned(),
      loadSnapshot: (id, snapshot) => this.#loadSnapshot(id, snapshot),
      wasRead: () => this.#controller?.wasRead(),
      failed: (error) => this.#failed(error),
    });
    const { raft } = this;
    this.controllerMoved = raft.moved;
    this.#snapshots = new SnapshotGenerator(
      world,
      raft.log,
      logger,
      settings,
      () => this.#startSnapshot(),
      (id) => raft.snapshotWritten(id),
    );
  }

  /** The offset of the last record in the image. */
  get lastOffset(): number {
    return this.#lastOffset;
  }

  /** Where the active controller is, as its listener is reached; null while none is known. */
  activeController(): ActiveControllerAddress | null {
    const { leaderId, leaderEndpoint } = this.raft;
    if (leaderEndpoint === null) return null;
    return { id: leaderId, host: leaderEndpoint.host, port: leaderEndpoint.port };
  }

  /** Of the last record that was applied; -1 before the first. */
  get lastTimestamp(): number {
    return this.#lastTimestamp;
  }

  /** Since when the broker's last heartbeat came; 0 where the active controller is elsewhere. */
  silenceMs(brokerId: number): number {
    return this.#controller?.sessions.silenceMs(brokerId) ?? 0;
  }

  /** Whether commands can be submitted here. */
  get isActiveController(): boolean {
    return this.#controller !== null;
  }

  /** Nobody else could become the active controller. */
  get isOnlyVoter(): boolean {
    const { id, directoryId } = this.#options.local;
    return isOnlyVoter(this.raft.voters, id, directoryId);
  }

  /**
   * Resolves when the image has all that was committed when this node first heard of a leader;
   * rejects with `MetadataStoppedError` where that never comes.
   */
  async whenCaughtUp(): Promise<void> {
    const isThere = () => this.raft.isCaughtUp && this.image.metadataVersion > 0;
    const { clock } = this.#options.world;
    const isOver = () => isThere() || this.#stopped !== null;
    await waitUntil(clock, [this.raft.moved], Infinity, isOver);
    if (this.#stopped !== null) throw this.#stopped;
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

  /** See `ActiveController.submit`; rejects with `NotControllerError` where it is not here. */
  submit<Response>(command: Command<Response>): Promise<Response> {
    if (this.#controller !== null) return this.#controller.submit(command);
    return Promise.reject(this.#stopped ?? new NotControllerError(NOT_HERE));
  }

  /** What is submitted is committed or rejected; then the files are closed. */
  async stop(): Promise<void> {
    this.#end(new MetadataStoppedError("the node is stopping"));
    await this.#snapshots.stop();
    await this.raft.close();
    // A disk that fails the metadata ends the node; it does not come here.
    this.#lock?.release(true);
  }

  /** Of those that this node wrote; before the first one, of size 0 and as of the start. */
  get latestSnapshot(): { readonly size: number; readonly writtenMs: number } {
    return { size: this.#snapshots.latestSize, writtenMs: this.#snapshots.latestMs };
  }

  /** For tests. */
  whenSnapshotIsWritten(): Promise<void> {
    return this.#snapshots.whenIdle();
  }

  #leads(epoch: number): void {
    if (this.#stopped !== null) return;
    const { rules, logger, world, metadataLogDir, settings } = this.#options;
    const { supportedFeatures } = rules;
    const { image, raft } = this;
    const hasMetadataVersion = image.metadataVersion > 0;
    const bootstrapRecords = hasMetadataVersion
      ? []
      : readBootstrapRecords(world.disk, metadataLogDir, supportedFeatures);
    const records = activationRecords({
      hasMetadataVersion,
      transactionOffset: this.#replay.transactionOffset,
      bootstrapRecords,
      minIsr: rules.configs.staticTopicConfig("min.insync.replicas"),
    });
    const controller = new ActiveController({
      ...{ world, logger, raft, epoch, image, rules, settings },
    });
    this.#controller = controller;
    controller.activate(records).then(
      () => {
        if (this.#controller !== controller) return;
        warnOfFeatures(image.features, supportedFeatures, logger);
        logger.info(`leads the metadata quorum in epoch ${epoch}, log end ${raft.log.endOffset}`);
        controller.start();
      },
      // Another leads by now, or the node fails of it.
      () => {},
    );
  }

  #resigned(): void {
    // Who asks a node that is stopping is told just that.
    if (this.#stopped !== null) return;
    this.#controller?.stop(new NotControllerError("another controller is, or will be, active"));
    this.#controller = null;
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
    this.stats.add(delta);
    this.#tell(delta);
    this.#snapshots.committed(bytes);
  }

  async #loadSnapshot(id: SnapshotId, snapshot: Snapshot): Promise<void> {
    const { clusterId, world } = this.#options;
    const loaded = await new Slices(world.clock).finish(loadSteps(id, snapshot, clusterId));
    if (this.#stopped !== null) return;
    this.#replay.restart();
    this.#lastOffset = loaded.lastOffset;
    this.#lastEpoch = loaded.lastEpoch;
    this.#lastTimestamp = loaded.lastTimestamp;
    this.stats.loadedSnapshotCount++;
    this.#tell(replacementModule().replaceImage(this.image, loaded.replay.image));
    this.#snapshots.restart();
  }

  #tell(delta: MetadataDelta): void {
    for (const listener of this.#listeners) listener(delta, this.image);
  }

  /** Not in the middle of a transaction: the image lacks what is held back. */
  #startSnapshot(): void {
    if (this.#replay.transactionOffset >= 0) return;
    const endOffset = this.#lastOffset + 1;
    this.#snapshots.start(this.image, {
      id: { endOffset, epoch: this.#lastEpoch },
      timestamp: this.#lastTimestamp,
      ...this.raft.quorumAt(endOffset),
    });
  }

  #failed(error: unknown): void {
    this.#end(new MetadataStoppedError(`the metadata log failed: ${error}`));
    this.#options.onFatal(error);
  }

  #end(reason: MetadataStoppedError): void {
    this.#stopped ??= reason;
    this.#controller?.stop(reason);
    this.raft.moved.move();
  }
}

const NOT_HERE = "this node does not have the active controller";

function whoIs({ clusterId, local }: MetadataNodeOptions) {
  // Just what the record of the voters holds: what is more would look like a change.
  const endpoints = local.endpoints.map(({ name, host, port }) => ({ name, host, port }));
  return { clusterId, local: { ...local, endpoints, ...KRAFT_VERSIONS } };
}
