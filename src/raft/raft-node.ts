/**
 * This node's part in the quorum that keeps the metadata log. What is said and done is decided by
 * `core/`, a pure function; here its effects are carried out, in their order:
 *
 *   requests, answers, timers, appends --> step --> [ effects ] --> log, quorum-state, snapshots,
 *                     ^                                  |          requests, answers
 *                     '-- "all up to here is on disk" <-- sync      commit-feed.ts --> listener
 *
 * An effect that takes its time holds up those behind it; a sync, a read for an answer and a
 * request to another node do not.
 *
 * Invariants: quorum-state is on disk before anything is written or said in the epoch it names; the
 * listener gets every batch below the high watermark once, in order, and before whoever waits for
 * it is told; a timer is set only while the core waits for something.
 */
import { later } from "../base/later.ts";
import type { Logger } from "../base/logger.ts";
import { Queue } from "../base/queue.ts";
import { Signal, waitUntil } from "../base/signal.ts";
import type { Clock, Timer, World } from "../base/world.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { recordCount } from "../protocol/record-batch.ts";
import type { RaftReply } from "./adapter/adapter.ts";
import { CommitFeed } from "./commit-feed.ts";
import type { Effect, Input, Moment } from "./core/effects.ts";
import type { QuorumDescription } from "./core/describe.ts";
import { observersOf } from "./core/leader.ts";
import type { RaftRequest, RaftResponse } from "./core/messages.ts";
import { nextTickAtMs, startReplica, step } from "./core/raft-core.ts";
import { type Destination, NEVER_MS, type RaftConfig, type RaftState } from "./core/state.ts";
import { isLocalVoter } from "./core/transitions.ts";
import { lastKraftVersion, lastVoters, lastVotersEntry } from "./core/voter-history.ts";
import { EffectRunner } from "./effect-runner.ts";
import { NOBODY, readQuorumState } from "./quorum-state.ts";
import type { NewBatch, RaftListener } from "./raft-listener.ts";
import type { RaftLog } from "./raft-log.ts";
import type { RaftPeers, RaftPeersOptions } from "./raft-peers.ts";
import { RaftStats } from "./raft-stats.ts";
import type { LoadedReplica } from "./replica-loader.ts";
import type { SnapshotId } from "./snapshot-name.ts";
import type { VoterEndpoint, VoterSet } from "./voter-set.ts";

export interface RaftOptions<Records> {
  readonly world: World;
  readonly logger: Logger;
  readonly log: RaftLog;
  readonly loaded: LoadedReplica;
  readonly config: RaftConfig;
  /** controller.quorum.voters; empty where the voters are dynamic. */
  readonly staticVoters: VoterSet;
  readonly peers: Pick<RaftPeersOptions, "clientId" | "setupTimeoutMs" | "pool">;
  readonly decode: (values: readonly Buffer[]) => Records;
  readonly listener: RaftListener<Records>;
}

/** This node does not lead, or does no more. */
export class NotLeaderError extends Error {}

/** This node cannot take part in the quorum that its log, its settings or others describe. */
export class QuorumError extends Error {}

type UpgradeModule = typeof import("./core/upgrade.ts");
const upgradeModule = later((): UpgradeModule => require("./core/upgrade.ts"));
type DescribeModule = typeof import("./core/describe.ts");
const describeModule = later((): DescribeModule => require("./core/describe.ts"));
type PeersModule = typeof import("./raft-peers.ts");
const peersModule = later((): PeersModule => require("./raft-peers.ts"));

/** How long a leader that stops waits for others to hear of it. */
const GOODBYE_MS_MAX = 1000;

/** `Records` is what the layer above makes of the values of a batch. */
export class RaftNode<Records> {
  readonly log: RaftLog;
  /** Moves with the leader, its epoch, and what is committed. */
  readonly moved = new Signal();
  readonly stats = new RaftStats();
  readonly #clock: Clock;
  readonly #config: RaftConfig;
  readonly #listener: RaftListener<Records>;
  readonly #logger: Logger;
  readonly #random: World["random"];
  /** A node that is alone speaks to nobody. */
  readonly #peers: () => RaftPeers;
  #arePeersMade = false;
  readonly #feed: CommitFeed<Records>;
  readonly #runner: EffectRunner<Records>;
  readonly #effects = new Queue<Effect>();
  readonly #answers = new Map<number, (reply: RaftReply<RaftResponse>) => void>();
  readonly #state: RaftState;
  #nextToken = 1;
  #isRunning = true;
  #isOver = false;
  #ledEpoch = NOBODY;
  #firstHighWatermark = -1;
  /** Addresses of nodes of other clusters: each is told of once. */
  readonly #foreign = new Set<string>();
  #timer: Timer | null = null;
  #timerAtMs = NEVER_MS;
  #steppedMs = 0;
  readonly #firstEffects: readonly Effect[];

  constructor(options: RaftOptions<Records>) {
    const { world, log, loaded, config, listener, logger, peers, staticVoters } = options;
    this.log = log;
    this.#clock = world.clock;
    this.#random = world.random;
    this.#config = config;
    this.#listener = listener;
    this.#logger = logger;
    const { requestTimeoutMs, listener: name } = config;
    this.#peers = later(() => {
      this.#arePeersMade = true;
      const { RaftPeers } = peersModule();
      // Whoever waits longer for a connection than for an answer finds a way that is mended late.
      const setupTimeoutMs = Math.min(peers.setupTimeoutMs, requestTimeoutMs);
      const own = { setupTimeoutMs, requestTimeoutMs, listener: name };
      return new RaftPeers({ ...world, ...peers, ...own });
    });
    const failed = (error: unknown) => this.fail(error);
    const { highWatermark } = loaded.log;
    this.#feed = new CommitFeed(log, highWatermark, options.decode, listener, failed);
    this.#runner = new EffectRunner({
      ...options,
      feed: this.#feed,
      take: (input) => this.#step(input),
      fail: failed,
    });
    const election = readQuorumState(world.disk, log.directory);
    const quorum = { staticVoters, facts: loaded.facts };
    const moment = this.#moment();
    const { state, effects } = startReplica(config, { election, log: loaded.log, quorum }, moment);
    this.#state = state;
    this.#firstEffects = effects;
  }

  get clusterId(): string {
    return this.#config.clusterId;
  }

  get epoch(): number {
    return this.#state.election.leaderEpoch;
  }

  /** -1 while none is known. */
  get leaderId(): number {
    const { role, election } = this.#state;
    return role.name === "resigned" ? NOBODY : election.leaderId;
  }

  get isLeader(): boolean {
    return this.#state.role.name === "leader";
  }

  /** What this node is in the quorum. */
  get state(): string {
    const { name } = this.#state.role;
    return name === "follower" && !isLocalVoter(this.#state) ? "observer" : name;
  }

  /** Whom this node voted for in this epoch; itself while it leads. -1: nobody. */
  get votedId(): number {
    return this.isLeader ? this.leaderId : this.#state.election.votedId;
  }

  get highWatermark(): number {
    return this.#state.log.highWatermark;
  }

  /** As others name it, on the listener of controllers; null while none is known. */
  get leaderEndpoint(): VoterEndpoint | null {
    const { leaderEndpoints } = this.#state;
    if (this.leaderId === NOBODY) return null;
    return leaderEndpoints.find(({ name }) => name === this.#config.listener) ?? null;
  }

  get voters(): VoterSet {
    return lastVoters(this.#state.quorum);
  }

  /** A voter comes or goes, and a majority has not heard of it yet. */
  get isChangingVoters(): boolean {
    const entry = lastVotersEntry(this.#state.quorum);
    return entry !== null && entry.offset >= this.highWatermark;
  }

  /** controller.quorum.voters counts for nothing where the log names the voters. */
  get ignoresStaticVoters(): boolean {
    const { quorum } = this.#state;
    return quorum.staticVoters.size > 0 && lastVotersEntry(quorum) !== null;
  }

  get kraftVersion(): number {
    return lastKraftVersion(this.#state.quorum);
  }

  /** Of the record that is appended next. */
  get endOffset(): number {
    return this.#state.log.endOffset;
  }

  /** Whether anybody but this node reads what it leads. */
  get hasReaders(): boolean {
    const { role } = this.#state;
    if (role.name !== "leader") return false;
    return role.voters.length > 1 || observersOf(role, this.#clock.monotonicMs()).length > 0;
  }

  /** All that was committed when this node first heard of a leader has been handed on. */
  get isCaughtUp(): boolean {
    const first = this.#firstHighWatermark;
    return first >= 0 && this.#feed.nextOffset >= first;
  }

  /** What the log said of the quorum before `endOffset`: for a snapshot that ends there. */
  quorumAt(endOffset: number): { readonly kraftVersion: number; readonly voters: VoterSet | null } {
    const facts = this.#state.quorum.facts.filter(({ offset }) => offset < endOffset);
    const entry = facts.findLast((fact) => fact.kind === "voters");
    const kraftVersion = lastKraftVersion({ ...this.#state.quorum, facts });
    return { kraftVersion, voters: entry?.voters ?? null };
  }

  /** What is on the disk becomes sure first: who fetches says of all that it has that it is. */
  start(): void {
    for (const effect of this.#firstEffects) this.#effects.push(effect);
    const isFirst = this.#effects.length > 0 && this.#effects.first().kind === "persist";
    const persisted = isFirst ? this.#carryOut() : null;
    Promise.all([this.log.makeSure(), persisted]).then(
      () => this.#carryOn(),
      (error: unknown) => this.fail(error),
    );
    this.#noticeRole();
    this.#setTimer();
  }

  /**
   * One batch as `batchSteps` makes it, in the log as far as the core knows when this returns.
   * Resolves when it is committed; rejects with `NotLeaderError` where this node does not lead
   * `epoch`, or no more.
   */
  append(epoch: number, bytes: Buffer, records: Records): Promise<void> {
    if (!this.#leads(epoch)) return Promise.reject(notLeader());
    const payload: NewBatch<Records> = { bytes, records };
    const count = recordCount(bytes, 0);
    const startMs = this.#clock.monotonicMs();
    this.#step({ kind: "append", epoch, recordCount: count, payload });
    this.stats.appendedCount += count;
    return this.whenAllCommitted(epoch).then(() => {
      this.stats.committed(this.#clock.monotonicMs() - startMs);
    });
  }

  /** Resolves when everything that was appended so far is committed. */
  whenAllCommitted(epoch: number): Promise<void> {
    if (!this.#leads(epoch)) return Promise.reject(notLeader());
    return this.#feed.whenCommitted(this.#state.log.endOffset);
  }

  /** KIP-853: null where the voters of the settings can become voters of the log. */
  reasonAgainstUpgrade(kraftVersion: number): string | null {
    return upgradeModule().reasonAgainstUpgrade(this.#state, kraftVersion);
  }

  /** Resolves when it is committed. */
  upgradeKRaftVersion(kraftVersion: number): Promise<void> {
    const { epoch } = this;
    if (!this.#leads(epoch)) return Promise.reject(notLeader());
    this.#step({ kind: "upgradeKRaftVersion", epoch, kraftVersion });
    return this.whenAllCommitted(epoch);
  }

  /** Leads no more, though the node is well. */
  resign(epoch: number): void {
    this.#step({ kind: "resign", epoch });
  }

  /** What another node asks. */
  ask(request: RaftRequest): Promise<RaftReply<RaftResponse>> {
    const token = this.#nextToken++;
    const { promise, resolve } = Promise.withResolvers<RaftReply<RaftResponse>>();
    this.#answers.set(token, resolve);
    this.#step({ kind: "request", token, request });
    if (request.kind === "fetch" && this.isLeader) this.#listener.wasRead();
    return promise;
  }

  /** Null: only the leader knows. Times are of the monotonic clock. */
  describe(): QuorumDescription | null {
    return describeModule().describeQuorum(this.#state, this.#clock.monotonicMs());
  }

  /** A snapshot of what was handed on has been written, and old ones may be too many now. */
  snapshotWritten(id: SnapshotId): void {
    const { loadingSnapshot, log } = this.#state;
    if (loadingSnapshot !== null || id.endOffset < log.startOffset || this.#isOver) {
      this.log.removeSnapshot(id);
      return;
    }
    this.log.snapshotAdded(id);
    this.log.clean();
    const { snapshots, startOffset } = this.log;
    this.#step({ kind: "snapshots", snapshots, startOffset });
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#listener.failed(error);
    this.#feed.failWaiting(error);
  }

  /** What a leader has appended is committed first, as far as others are there for it. */
  async close(): Promise<void> {
    if (this.#leads(this.epoch)) {
      const committed = () => this.#feed.nextOffset >= this.#state.log.endOffset;
      const waitMs = this.voters.size > 1 ? GOODBYE_MS_MAX : Infinity;
      const isOver = () => committed() || !this.isLeader || this.#isOver;
      await waitUntil(this.#clock, [this.moved], waitMs, isOver);
    }
    this.#step({ kind: "shutdown" });
    const { role } = this.#state;
    const isHeard = () => role.name !== "resigned" || role.unacknowledged.length === 0;
    const isGone = () => this.#isOver || this.#state.role !== role || isHeard();
    await waitUntil(this.#clock, [this.moved], GOODBYE_MS_MAX, isGone);
    this.#end();
    this.#feed.failWaiting(notLeader());
    await this.#runner.close();
    await this.#feed.close();
    await this.log.close();
    this.moved.move();
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#effects.clear();
    if (this.#arePeersMade) this.#peers().close();
  }

  #leads(epoch: number): boolean {
    return !this.#isOver && this.isLeader && epoch === this.epoch;
  }

  #step(input: Input): void {
    if (this.#isOver) return;
    try {
      for (const effect of step(this.#state, input, this.#moment())) this.#effects.push(effect);
    } catch (error) {
      return this.fail(error);
    }
    if (!this.#isRunning) this.#carryOn();
    this.#noticeRole();
    this.#setTimer();
  }

  /** The controller of a leader that leads no more must not go on as if it did. */
  #noticeRole(): void {
    const { role } = this.#state;
    // A candidate that is beaten, or gives up, knows no leader yet: it goes on.
    const isKnown = role.name === "leader" || role.name === "follower";
    const stands = role.name === "prospective" || role.name === "candidate";
    if (isKnown || stands) this.stats.roleIs(stands, this.#clock.monotonicMs());
    if (isKnown) this.stats.leads(this.epoch);
    const ledEpoch = role.name === "leader" ? this.epoch : NOBODY;
    if (ledEpoch === this.#ledEpoch) return;
    const hasLed = this.#ledEpoch !== NOBODY;
    this.#ledEpoch = ledEpoch;
    if (hasLed) {
      this.#listener.resigned();
      this.#feed.failWaiting(notLeader());
    }
    this.moved.move();
  }

  /** As far as it goes at once; what an effect leads to comes behind it. */
  #carryOn(): void {
    if (this.#isOver) return;
    this.#isRunning = true;
    try {
      while (this.#effects.length > 0) {
        const waiting = this.#carryOut();
        if (waiting === null) continue;
        waiting.then(
          () => this.#carryOn(),
          (error: unknown) => this.fail(error),
        );
        return;
      }
    } catch (error) {
      this.fail(error);
    }
    this.#isRunning = false;
  }

  #carryOut(): Promise<void> | null {
    const effect = this.#effects.shift();
    switch (effect.kind) {
      case "send":
        this.#send(effect);
        return null;
      case "respond":
        this.#respond(effect);
        return null;
      case "leaderChanged":
        this.#leaderChanged(effect);
        return null;
      case "fault":
        this.fail(new QuorumError(effect.reason));
        return null;
      case "advanceHighWatermark":
        this.#runner.advance(effect.offset);
        if (this.isLeader) this.#knowHighWatermark(effect.offset);
        this.moved.move();
        return null;
      default:
        return this.#runner.carryOut(effect, this.#effects);
    }
  }

  #send({ to, requestId, request }: Extract<Effect, { kind: "send" }>): void {
    const peers = this.#peers();
    peers.ask(to, request).then(
      (response) => {
        this.#step({ kind: "response", requestId, response });
        this.#heard(to, response);
      },
      // That a node is not there is no news: the core asks again, or others.
      (error: unknown) => {
        const isUnreachable = peers.isUnreachable(error);
        this.#step({ kind: "failed", requestId, isUnreachable });
      },
    );
  }

  #heard(from: Destination, response: RaftResponse): void {
    if (response.topLevelError === ErrorCode.INCONSISTENT_CLUSTER_ID) this.#tellForeign(from);
    if (response.kind === "endQuorumEpoch") this.moved.move();
    if (response.kind !== "fetch" || response.errorCode !== 0 || response.topLevelError !== 0)
      return;
    if (response.highWatermark >= 0) this.#knowHighWatermark(response.highWatermark);
  }

  #tellForeign({ id, host, port }: Destination): void {
    const address = `${host}:${port}`;
    if (this.#foreign.has(address)) return;
    this.#foreign.add(address);
    const who = id < 0 ? `the node at ${address}` : `node ${id} at ${address}`;
    this.#logger.error(`${who} belongs to another cluster than ${this.clusterId}`);
  }

  #knowHighWatermark(offset: number): void {
    if (this.#firstHighWatermark >= 0) return;
    this.#firstHighWatermark = offset;
    this.moved.move();
  }

  #respond({ token, response, read }: Extract<Effect, { kind: "respond" }>): void {
    const resolve = this.#answers.get(token);
    this.#answers.delete(token);
    if (resolve === undefined) return;
    if (read === null) return resolve({ response, bytes: NOTHING });
    const { truncations } = this.#state.log;
    const isSame = () => this.#state.log.truncations === truncations;
    this.#runner.read(response, read, isSame).then(resolve, (error: unknown) => this.fail(error));
  }

  #leaderChanged(change: Extract<Effect, { kind: "leaderChanged" }>): void {
    const { epoch, leaderId, epochStartOffset } = change;
    const isOwn = leaderId === this.#config.local.id;
    if (leaderId !== NOBODY && !isOwn) {
      this.#logger.info(`node ${leaderId} leads the metadata quorum in epoch ${epoch}`);
    }
    this.#noticeRole();
    if (isOwn && this.#leads(epoch)) this.#feed.leadsFrom(epoch, epochStartOffset);
    this.moved.move();
  }

  #moment(): Moment {
    const below = (bound: number) => this.#random.uint32() % bound;
    this.#steppedMs = this.#clock.monotonicMs();
    return { nowMs: this.#steppedMs, below };
  }

  /** One timer, for whatever comes first; one that comes too early looks again. */
  #setTimer(): void {
    if (this.#isOver) return;
    const atMs = nextTickAtMs(this.#state, this.#steppedMs);
    if (this.#timer !== null && this.#timerAtMs <= atMs && atMs !== NEVER_MS) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (atMs === NEVER_MS) return;
    this.#timerAtMs = atMs;
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = null;
      this.#step({ kind: "tick" });
    });
  }
}

const NOTHING = Buffer.alloc(0);

function notLeader(): NotLeaderError {
  return new NotLeaderError("this node does not lead the metadata quorum");
}
