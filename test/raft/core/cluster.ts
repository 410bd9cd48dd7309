/**
 * Replicas of the pure core on disks in memory, with a driver as `raft-core.ts` wants it: effects
 * in order, a page cache that a crash takes, messages that stay under way until a test delivers,
 * drops or repeats them. Cheap to clone: the model checker goes through many of them.
 */
import { assert } from "../../../src/base/assert.ts";
import type { QuorumState } from "../../../src/raft/quorum-state.ts";
import { type SnapshotId, compareSnapshots } from "../../../src/raft/snapshot-name.ts";
import type { VoterSet } from "../../../src/raft/voter-set.ts";
import type { Effect, Input, ReadRange } from "../../../src/raft/core/effects.ts";
import {
  type Batch,
  type EpochStart,
  type LogState,
  type QuorumFact,
  epochBefore,
} from "../../../src/raft/core/log-state.ts";
import type {
  ApiVersionsRequest,
  RaftRequest,
  RaftResponse,
  VoteRequest,
} from "../../../src/raft/core/messages.ts";
import { startReplica, step } from "../../../src/raft/core/raft-core.ts";
import type { RaftConfig, RaftState, Role } from "../../../src/raft/core/state.ts";
import { lastKraftVersion, lastVotersEntry } from "../../../src/raft/core/voter-history.ts";
import { History } from "./history.ts";

export interface SnapshotFile {
  readonly id: SnapshotId;
  readonly facts: readonly QuorumFact[];
  /** All that the log said up to its end: only tests can afford that. */
  readonly batches: readonly Batch[];
}

export interface DiskLog {
  readonly startOffset: number;
  readonly batches: readonly Batch[];
}

interface Flush {
  readonly endOffset: number;
  readonly truncations: number;
}

export interface TestNode {
  readonly config: RaftConfig;
  /** Null while it is down. */
  state: RaftState | null;
  election: QuorumState | null;
  /** As the page cache has it. */
  log: DiskLog;
  /** As it is after a loss of power. */
  synced: DiskLog;
  snapshots: readonly SnapshotFile[];
  download: SnapshotFile | null;
  /** The newest `flush` that has not ended. */
  flush: Flush | null;
  /** A sync under way: it covers what there was when it began. */
  sync: { readonly flush: Flush; readonly log: DiskLog } | null;
  nowMs: number;
}

export interface Message {
  readonly from: number;
  readonly to: number;
  readonly requestId: number;
  readonly request: RaftRequest | ApiVersionsRequest | null;
  readonly response: RaftResponse | null;
}

/** In bytes: of every snapshot. */
const SNAPSHOT_SIZE = 3;
/** Who asks from outside, and gets its answers in `answers`. */
export const CLIENT = 0;
const TOKEN_BASE = 1_000_000;

export class Cluster {
  readonly nodes = new Map<number, TestNode>();
  messages: Message[] = [];
  answers: { readonly requestId: number; readonly response: RaftResponse }[] = [];
  faults: string[] = [];
  history = new History();
  /** Told of each effect, for traces. */
  watch: ((id: number, effect: Effect) => void) | null = null;
  below: (id: number, bound: number) => number = () => 0;
  /** False: a sync ends only when the test says so. */
  isFlushedAtOnce = true;
  /** The one that is being answered. */
  #voteRequest: VoteRequest | null = null;
  /** Effects to carry out before the node is gone; null: all. */
  crashAfter: number | null = null;

  /** Only the node `changing` may be touched: the others are those of this cluster. */
  clone(changing: number): Cluster {
    const copy = new Cluster();
    for (const [id, node] of this.nodes) {
      if (id !== changing) copy.nodes.set(id, node);
      else copy.nodes.set(id, { ...node, state: node.state && cloneState(node.state) });
    }
    copy.messages = [...this.messages];
    copy.history = this.history.clone();
    copy.below = this.below;
    copy.isFlushedAtOnce = this.isFlushedAtOnce;
    return copy;
  }

  add(config: RaftConfig, bootstrap: SnapshotFile | null): void {
    const log = { startOffset: 0, batches: [] };
    this.nodes.set(config.local.id, {
      config,
      state: null,
      election: null,
      log,
      synced: log,
      snapshots: bootstrap === null ? [] : [bootstrap],
      download: null,
      flush: null,
      sync: null,
      nowMs: 0,
    });
    this.start(config.local.id);
  }

  node(id: number): TestNode {
    const node = this.nodes.get(id);
    assert(node !== undefined, `node ${id}`);
    return node;
  }

  state(id: number): RaftState {
    const { state } = this.node(id);
    assert(state !== null, `node ${id} is up`);
    return state;
  }

  start(id: number): void {
    const node = this.node(id);
    const latest = node.snapshots.at(-1);
    if (latest !== undefined && isAhead(latest.id, node.log)) {
      node.log = { startOffset: latest.id.endOffset, batches: [] };
    }
    node.synced = node.log;
    const moment = { nowMs: node.nowMs, below: (bound: number) => this.below(id, bound) };
    const durable = { election: node.election, ...durableOf(node) };
    const { state, effects } = startReplica(node.config, durable, moment);
    node.state = state;
    this.#carryOut(id, effects);
  }

  /** `keep`: how many of the batches that were not synced are there nevertheless. */
  crash(id: number, keep = 0): void {
    const node = this.node(id);
    const { batches } = node.synced;
    const isLonger = node.log.batches
      .slice(0, batches.length)
      .every((each, at) => each === batches[at]);
    const isSame = node.log.startOffset === node.synced.startOffset && isLonger;
    if (!isSame) node.log = keep > 0 ? node.log : node.synced;
    else node.log = { ...node.log, batches: node.log.batches.slice(0, batches.length + keep) };
    node.state = null;
    node.flush = null;
    node.sync = null;
    node.download = null;
  }

  step(id: number, input: Input): void {
    const node = this.node(id);
    const { state } = node;
    if (state === null) return;
    const moment = { nowMs: node.nowMs, below: (bound: number) => this.below(id, bound) };
    this.#carryOut(id, step(state, input, moment));
  }

  tick(id: number, nowMs: number): void {
    this.node(id).nowMs = nowMs;
    this.step(id, { kind: "tick" });
  }

  beginSync(id: number): void {
    const node = this.node(id);
    const { flush, log } = node;
    if (flush === null || node.sync !== null) return;
    node.flush = null;
    node.sync = { flush, log };
  }

  /** The sync that was asked for begins, unless it has, and ends. */
  flush(id: number): void {
    this.beginSync(id);
    const node = this.node(id);
    const { sync } = node;
    if (sync === null) return;
    node.sync = null;
    // What has been cut off or put in its place meanwhile is on the disk by itself.
    if (sync.log.startOffset === node.log.startOffset) node.synced = sync.log;
    this.step(id, { kind: "flushed", ...sync.flush });
  }

  deliver(message: Message): void {
    const { from, to, requestId, request, response } = message;
    if (response !== null) return this.step(to, { kind: "response", requestId, response });
    if (request === null || this.node(to).state === null) return;
    if (request.kind === "apiVersions") return this.#answerApiVersions(message);
    const token = from * TOKEN_BASE + requestId;
    this.#voteRequest = request.kind === "vote" && !request.preVote ? request : null;
    this.step(to, { kind: "request", token, request });
    this.#voteRequest = null;
  }

  /** A snapshot of all below `offset`, and the log begins there if `isTrimmed`. */
  takeSnapshot(id: number, offset: number, isTrimmed: boolean): void {
    const node = this.node(id);
    const state = this.state(id);
    const endOffset = offset;
    const snapshotId = { endOffset, epoch: epochBefore(state.log, offset) };
    const latest = node.snapshots.at(-1);
    if (latest !== undefined && compareSnapshots(snapshotId, latest.id) <= 0) return;
    const before = latest?.batches ?? [];
    const have = before.at(-1)?.endOffset ?? 0;
    const added = node.log.batches.filter(
      (each) => each.baseOffset >= have && each.endOffset <= offset,
    );
    const facts = factsAt(state, offset);
    const file = { id: snapshotId, facts, batches: [...before, ...added] };
    node.snapshots = isTrimmed ? [file] : [...node.snapshots, file];
    const startOffset = isTrimmed ? offset : node.log.startOffset;
    node.log = trimmed(node.log, startOffset);
    node.synced = trimmed(node.synced, startOffset);
    if (node.sync !== null) node.sync = { ...node.sync, log: trimmed(node.sync.log, startOffset) };
    const snapshots = node.snapshots.map((each) => each.id);
    this.step(id, { kind: "snapshots", snapshots, startOffset });
  }

  append(id: number, payload: unknown): void {
    const { leaderEpoch: epoch } = this.state(id).election;
    this.step(id, { kind: "append", epoch, recordCount: 1, payload });
  }

  ask(id: number, requestId: number, request: RaftRequest): void {
    this.deliver({ from: CLIENT, to: id, requestId, request, response: null });
  }

  #answerApiVersions({ from, to, requestId }: Message): void {
    const { kraftVersionMin: min, kraftVersionMax: max } = this.node(to).config.local;
    const kraftVersions = { min, max };
    const response: RaftResponse = { kind: "apiVersions", topLevelError: 0, kraftVersions };
    this.messages.push({ from: to, to: from, requestId, request: null, response });
  }

  #carryOut(id: number, effects: readonly Effect[]): void {
    const node = this.node(id);
    const follow: Input[] = [];
    for (const effect of effects) {
      if (this.crashAfter !== null && this.crashAfter-- === 0) {
        this.crash(id);
        return;
      }
      this.watch?.(id, effect);
      const next = this.#carryOutOne(id, node, effect);
      if (next !== null) follow.push(next);
    }
    this.history.check(this);
    if (this.isFlushedAtOnce) this.flush(id);
    for (const input of follow) this.step(id, input);
  }

  #carryOutOne(id: number, node: TestNode, effect: Effect): Input | null {
    switch (effect.kind) {
      case "persist":
        node.election = effect.election;
        this.history.elected(id, effect.election);
        return null;
      case "send": {
        const to = Number(effect.to.host.slice(1));
        const { requestId, request } = effect;
        this.messages.push({ from: id, to, requestId, request, response: null });
        return null;
      }
      case "respond":
        this.#respond(id, node, effect.token, effect.response, effect.read);
        return null;
      case "append":
        node.log = { ...node.log, batches: [...node.log.batches, effect.batch] };
        return null;
      case "truncate":
        node.log = cutAt(node.log, effect.endOffset);
        return null;
      case "flush":
        node.flush = { endOffset: effect.endOffset, truncations: effect.truncations };
        return null;
      case "advanceHighWatermark":
        this.history.committed(node, effect.offset);
        if (node.state?.role.name === "leader") this.history.expectOnDisks(this, id, effect.offset);
        return null;
      case "writeSnapshot":
        node.download = effect.bytes as SnapshotFile;
        return null;
      case "completeSnapshot": {
        const file = node.download!;
        node.snapshots = [file];
        node.log = { startOffset: file.id.endOffset, batches: [] };
        node.synced = node.log;
        node.download = null;
        return { kind: "snapshotLoaded", id: file.id, facts: file.facts };
      }
      case "beginSnapshot":
      case "dropSnapshot":
        node.download = null;
        return null;
      case "leaderChanged":
        this.history.leads(this, id, effect);
        return null;
      case "fault":
        this.faults.push(`${id}: ${effect.reason}`);
        return null;
    }
  }

  #respond(
    id: number,
    node: TestNode,
    token: number,
    response: RaftResponse,
    read: ReadRange | null,
  ): void {
    const whole = read === null ? response : readInto(node, response, read);
    if (response.kind === "vote" && response.voteGranted && this.#voteRequest !== null) {
      this.history.voteTold(id, node.election, this.#voteRequest);
    }
    const to = Math.floor(token / TOKEN_BASE);
    const requestId = token % TOKEN_BASE;
    if (to === CLIENT) this.answers.push({ requestId, response: whole });
    else this.messages.push({ from: id, to, requestId, request: null, response: whole });
  }
}

/** What its disk says of log and quorum. */
function durableOf({ config, log, snapshots }: TestNode) {
  const latest = snapshots.at(-1);
  const { startOffset, batches } = log;
  const endOffset = batches.at(-1)?.endOffset ?? startOffset;
  const epochs: EpochStart[] = [];
  for (const batch of batches) {
    const { epoch, baseOffset } = batch;
    if (epochs.at(-1)?.epoch !== epoch) epochs.push({ epoch, startOffset: baseOffset });
  }
  const state: LogState = {
    startOffset,
    endOffset,
    flushedOffset: endOffset,
    highWatermark: latest?.id.endOffset ?? 0,
    truncations: 0,
    epochs,
    snapshots: snapshots.map(({ id }) => id),
  };
  const logged = batches.flatMap((batch) => batch.facts);
  const after = latest?.id.endOffset ?? 0;
  const facts = [...(latest?.facts ?? []), ...logged.filter(({ offset }) => offset >= after)];
  return { log: state, quorum: { staticVoters: STATIC.get(config)!, facts } };
}

const STATIC = new WeakMap<RaftConfig, VoterSet>();

export function setStaticVoters(config: RaftConfig, voters: VoterSet): void {
  STATIC.set(config, voters);
}

function factsAt(state: RaftState, offset: number): QuorumFact[] {
  const facts = state.quorum.facts.filter((fact) => fact.offset < offset);
  const history = { ...state.quorum, facts };
  const entry = lastVotersEntry(history);
  if (entry === null) return [];
  const at = offset - 1;
  const kraftVersion = lastKraftVersion(history);
  return [
    { kind: "kraftVersion", offset: at, kraftVersion },
    { kind: "voters", offset: at, voters: entry.voters },
  ];
}

function isAhead({ endOffset, epoch }: SnapshotId, { startOffset, batches }: DiskLog): boolean {
  const logEnd = batches.at(-1)?.endOffset ?? startOffset;
  if (endOffset > logEnd) return true;
  const before = batches.find((each) => each.endOffset === endOffset);
  return before !== undefined && before.epoch !== epoch;
}

function cutAt({ startOffset, batches }: DiskLog, endOffset: number): DiskLog {
  return { startOffset, batches: batches.filter((each) => each.endOffset <= endOffset) };
}

function trimmed({ batches }: DiskLog, startOffset: number): DiskLog {
  return { startOffset, batches: batches.filter((each) => each.baseOffset >= startOffset) };
}

function readInto(node: TestNode, response: RaftResponse, read: ReadRange): RaftResponse {
  if (read.kind === "log") {
    assert(response.kind === "fetch", "batches go into a Fetch response");
    const batches = node.log.batches.filter(({ baseOffset }) => baseOffset >= read.fromOffset);
    assert(batches[0]?.baseOffset === read.fromOffset, "a batch begins where the core says");
    return { ...response, batches: batches.slice(0, Math.max(1, read.maxBytes)) };
  }
  assert(response.kind === "fetchSnapshot", "a part of a snapshot");
  const file = node.snapshots.find(({ id }) => compareSnapshots(id, read.id) === 0);
  assert(file !== undefined, "a snapshot that is there");
  const byteCount = Math.min(read.maxBytes, SNAPSHOT_SIZE - read.position);
  return { ...response, size: SNAPSHOT_SIZE, byteCount, bytes: file };
}

function cloneState(state: RaftState): RaftState {
  return {
    ...state,
    role: cloneRole(state.role),
    log: { ...state.log },
    quorum: { ...state.quorum },
    connections: state.connections.map((each) => ({ ...each })),
    waitingFetches: [...state.waitingFetches],
  };
}

function cloneRole(role: Role): Role {
  switch (role.name) {
    case "prospective":
      return { ...role, votes: { ...role.votes } };
    case "candidate":
      return { ...role, votes: { ...role.votes } };
    case "follower":
      return { ...role, download: role.download === null ? null : { ...role.download } };
    case "leader":
      return {
        ...role,
        voters: role.voters.map((each) => ({ ...each })),
        observers: role.observers.map((each) => ({ ...each })),
        addVoter: role.addVoter === null ? null : { ...role.addVoter },
      };
    default:
      return { ...role };
  }
}
