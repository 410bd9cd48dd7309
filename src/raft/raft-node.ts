/**
 * This node's part in the quorum that keeps the metadata log. For now it is the only voter: it
 * leads from the start, and what it has on its disk is committed.
 *
 *   append -> batch -> log (page cache) -> [ one sync for all that wait ] -> high watermark
 *                                                                                 |
 *                                            who waits is told <- listener.committed
 *
 * Invariants: an epoch is on disk before anything is written or said in it; the listener gets every
 * batch below the high watermark once, in order, and before whoever waits for it is told.
 */
import type { Clock, Disk, World } from "../base/world.ts";
import { Signal } from "../base/signal.ts";
import type { ControlState } from "./control-state.ts";
import type { FetchSource } from "./fetch-requests.ts";
import type { RaftAnswer } from "./quorum-requests.ts";
import { type LocalReplica, Quorum } from "./quorum.ts";
import { type Placement, controlBatch, dataBatch } from "./raft-batch.ts";
import type { RaftLog } from "./raft-log.ts";
import { Uncommitted } from "./uncommitted.ts";
import type { VoterSet } from "./voter-set.ts";

export interface RaftOptions<Records> {
  readonly world: World;
  readonly log: RaftLog;
  /** What snapshot and log say of the quorum. */
  readonly control: ControlState;
  readonly local: LocalReplica;
  /** controller.quorum.voters; empty where the voters are dynamic. */
  readonly staticVoters: VoterSet;
  readonly listener: RaftListener<Records>;
}

export interface RaftListener<Records> {
  committed(batches: readonly AppendedBatch<Records>[]): void;
  /** Another node reads the log. */
  wasRead(): void;
  /** Nothing can be committed any more. */
  failed(error: unknown): void;
}

export interface AppendedBatch<Records> extends Placement {
  readonly endOffset: number;
  /** In bytes. */
  readonly size: number;
  /** Null in a batch of the quorum's own records. */
  readonly records: Records | null;
}

/** A claim that no number of elections could have reached is not followed, lest epochs run out. */
const EPOCH_LEAP_MAX = 1_000_000;

/** `Records` is what the layer above makes of the values of a batch. */
export class RaftNode<Records> implements FetchSource {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: RaftLog;
  readonly quorum: Quorum;
  /** Moves when records are committed, and when the log grows. */
  readonly moved = new Signal();
  readonly #listener: RaftListener<Records>;
  readonly #uncommitted: Uncommitted<AppendedBatch<Records>>;
  /** One election at a time. */
  #elections = Promise.resolve();
  #isSyncing = false;
  #hasLeft = false;

  /** Throws `QuorumError`. */
  constructor({ world, log, control, local, staticVoters, listener }: RaftOptions<Records>) {
    this.disk = world.disk;
    this.clock = world.clock;
    this.log = log;
    this.quorum = new Quorum(world, log, control, local, staticVoters);
    this.#listener = listener;
    this.#uncommitted = new Uncommitted((batches) => listener.committed(batches));
  }

  get epoch(): number {
    return this.quorum.epoch;
  }

  /** -1 while none is known. */
  get leaderId(): number {
    return this.quorum.leaderId;
  }

  get isLeader(): boolean {
    return this.leaderId === this.quorum.local.id;
  }

  get kraftVersion(): number {
    return this.quorum.kraftVersion;
  }

  /**
   * Begins an epoch above all that this node has seen or, as `seenEpoch`, heard of. Resolves when
   * it has begun; `committed` when the records that say so are.
   */
  async lead(seenEpoch: number): Promise<{ readonly committed: Promise<void> }> {
    const elected = await this.quorum.prepareElection(seenEpoch);
    this.quorum.lead(elected);
    const at = this.#nextPlace();
    this.log.beginEpoch(at.epoch);
    const controls = this.quorum.startRecords(at.baseOffset);
    return { committed: this.#write(controlBatch(at, controls), at, null) };
  }

  /** Another node claims a newer epoch: this one, the only voter, goes beyond it. */
  leadBeyond(epoch: number): Promise<void> {
    const elected = this.#elections.then(async () => {
      const { epoch: own } = this.quorum;
      if (this.#hasLeft || epoch <= own || epoch > own + EPOCH_LEAP_MAX) return;
      const { committed } = await this.lead(epoch);
      await committed;
    });
    this.#elections = elected.catch((error: unknown) => this.fail(error));
    return elected;
  }

  /** Who claims an epoch above ours is passed first, and then answered as one that is behind. */
  async answer<Response>(ask: (quorum: Quorum) => RaftAnswer<Response>): Promise<Response> {
    const { response, epochToPass } = ask(this.quorum);
    if (epochToPass === null || epochToPass <= this.quorum.epoch) return response;
    await this.leadBeyond(epochToPass);
    return ask(this.quorum).response;
  }

  /** KIP-853: from voters of the settings to voters of the log. Resolves when it is committed. */
  upgradeKRaftVersion(kraftVersion: number): Promise<void> {
    if (kraftVersion <= this.quorum.kraftVersion) return this.whenAllCommitted();
    const at = this.#nextPlace();
    const controls = this.quorum.upgradeRecords(kraftVersion, at.baseOffset);
    return this.#write(controlBatch(at, controls), at, null);
  }

  /** One batch, in the log when this returns. Resolves when it is committed. */
  append(values: readonly Buffer[], records: Records): Promise<void> {
    const at = this.#nextPlace();
    return this.#write(dataBatch(at, values), at, records);
  }

  /** Resolves when everything that was appended so far is committed. */
  whenAllCommitted(): Promise<void> {
    return this.#uncommitted.whenAll();
  }

  observed(id: number, directoryId: string, endOffset: number): void {
    this.quorum.observed(id, directoryId, endOffset);
    this.#listener.wasRead();
  }

  fail(error: unknown): void {
    if (!this.#hasLeft) {
      this.#hasLeft = true;
      this.#listener.failed(error);
    }
    this.#uncommitted.fail(error);
  }

  /** Takes part in no election any more; what is in the log is still committed. */
  leave(): void {
    this.#hasLeft = true;
  }

  async close(): Promise<void> {
    await this.#uncommitted.whenAll().catch(() => {});
    await this.log.close();
    this.moved.move();
  }

  #nextPlace(): Placement {
    const timestamp = this.clock.wallMs();
    return { baseOffset: this.log.endOffset, epoch: this.quorum.epoch, timestamp };
  }

  #write(batch: Buffer, at: Placement, records: Records | null): Promise<void> {
    this.log.append(batch, at.epoch);
    this.moved.move();
    const { endOffset } = this.log;
    const appended = { ...at, endOffset, size: batch.length, records };
    const committed = this.#uncommitted.add(endOffset, appended);
    this.#syncSoon();
    return committed;
  }

  /** What was appended while one sync was under way shares the next. */
  #syncSoon(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    this.clock.afterTurn(() => {
      this.#syncAll().catch((error: unknown) => this.fail(error));
    });
  }

  async #syncAll(): Promise<void> {
    while (!this.#uncommitted.isEmpty) {
      const upTo = this.log.endOffset;
      await this.log.flush();
      this.#advanceTo(upTo);
    }
    this.#isSyncing = false;
  }

  #advanceTo(highWatermark: number): void {
    this.log.advanceHighWatermark(highWatermark);
    this.#uncommitted.advance(highWatermark);
    this.moved.move();
  }
}
