/**
 * What this node knows of the quorum that keeps the metadata log: the epoch, who leads it, who
 * votes, and which observers read along. For now this node must be the only voter.
 *
 * Invariant: `epoch` is in quorum-state, on disk, before anything is written or said in it.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import type { Clock, Disk } from "../base/world.ts";
import type { NewControlRecord } from "./control-record.ts";
import type { ControlState } from "./control-state.ts";
import { electAlone, epochStartRecords, voterRecords } from "./election.ts";
import {
  NOBODY,
  type QuorumState,
  encodeQuorumState,
  readQuorumState,
  writeQuorumState,
} from "./quorum-state.ts";
import type { RaftLog } from "./raft-log.ts";
import {
  KRAFT_VERSIONS,
  type Voter,
  type VoterEndpoint,
  type VoterSet,
  isOnlyVoter,
  voterSet,
} from "./voter-set.ts";

export interface LocalReplica {
  readonly id: number;
  /** Of the directory that holds the metadata log. */
  readonly directoryId: string;
  /** Controller listeners, as others reach them. */
  readonly endpoints: readonly VoterEndpoint[];
}

/** This node cannot take part in the quorum that its log and settings describe. */
export class QuorumError extends Error {}

export interface Observer {
  readonly id: number;
  readonly directoryId: string;
  readonly endOffset: number;
  /** Wall clock; -1: never. */
  readonly lastFetchMs: number;
  readonly lastCaughtUpMs: number;
}

/** KIP-595: who has not fetched for so long is forgotten. */
const OBSERVER_TIMEOUT_MS = 300_000;
/** Each has an entry: many that come and go must not fill the memory. */
const OBSERVERS_MAX = 1000;

export class Quorum {
  readonly local: LocalReplica;
  readonly control: ControlState;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #raftLog: RaftLog;
  readonly #staticVoters: VoterSet;
  readonly #observers = new Map<string, Observer>();
  #epoch = 0;
  #isLeader = false;

  /** Throws `QuorumError`. */
  constructor(
    world: { readonly disk: Disk; readonly clock: Clock },
    raftLog: RaftLog,
    control: ControlState,
    local: LocalReplica,
    staticVoters: VoterSet,
  ) {
    this.#disk = world.disk;
    this.#clock = world.clock;
    this.#raftLog = raftLog;
    this.control = control;
    this.local = local;
    this.#staticVoters = staticVoters;
    const reason = this.#reasonAgainst();
    if (reason !== null) throw new QuorumError(reason);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** -1 before the first election of this process has ended. */
  get leaderId(): number {
    return this.#isLeader ? this.local.id : NOBODY;
  }

  get kraftVersion(): number {
    return this.control.kraftVersion;
  }

  get voters(): VoterSet {
    return this.control.voters ?? this.#staticVoters;
  }

  /** The endpoint of the leader on a listener; null while there is none. */
  leaderEndpoint(listener: string): VoterEndpoint | null {
    if (!this.#isLeader) return null;
    return this.local.endpoints.find((endpoint) => endpoint.name === listener) ?? null;
  }

  /** Remembers an epoch above all that this node has seen or, as `seenEpoch`, heard of. */
  async prepareElection(seenEpoch: number): Promise<QuorumState> {
    const directory = this.#raftLog.directory;
    const remembered = readQuorumState(this.#disk, directory);
    const elected = electAlone(this.local.id, remembered, Math.max(seenEpoch, this.#epoch));
    const text = encodeQuorumState(elected, this.kraftVersion, [...this.voters.keys()]);
    await writeQuorumState(this.#disk, directory, text);
    return elected;
  }

  /** From now on this node leads; the records that begin the epoch have to follow at once. */
  lead(elected: QuorumState): void {
    this.#epoch = elected.leaderEpoch;
    this.#isLeader = true;
  }

  /** The records that begin the epoch, at `baseOffset`; voters among them count from now on. */
  startRecords(baseOffset: number): NewControlRecord[] {
    const { voters, kraftVersion, control } = this;
    const areVotersInLog = control.votersOffset >= 0;
    const local = this.#localVoter();
    const records = epochStartRecords({ voters, kraftVersion, areVotersInLog, local });
    for (const [index, { name }] of records.entries()) {
      if (name !== "VotersRecord") continue;
      control.voters = new Map(voters).set(local.id, local);
      control.votersOffset = baseOffset + index;
    }
    return records;
  }

  /** The records that raise kraft.version, at `baseOffset`; they count from now on. */
  upgradeRecords(kraftVersion: number, baseOffset: number): NewControlRecord[] {
    const { control } = this;
    // It is the only voter: its directory and endpoints are all that the settings left out.
    control.voters = voterSet([this.#localVoter()]);
    control.votersOffset = baseOffset + 1;
    control.kraftVersion = kraftVersion;
    return voterRecords(kraftVersion, control.voters);
  }

  /** A replica that is no voter asked for what lies behind `endOffset`. */
  observed(id: number, directoryId: string, endOffset: number): void {
    if (id < 0 || id === this.local.id) return;
    this.#forgetObservers();
    const key = `${id} ${directoryId}`;
    if (!this.#observers.has(key) && this.#observers.size >= OBSERVERS_MAX) return;
    const nowMs = this.#clock.wallMs();
    const isCaughtUp = endOffset >= this.#raftLog.endOffset;
    const lastCaughtUpMs = isCaughtUp ? nowMs : (this.#observers.get(key)?.lastCaughtUpMs ?? -1);
    const observer = { id, directoryId, endOffset, lastFetchMs: nowMs, lastCaughtUpMs };
    this.#observers.set(key, observer);
  }

  observers(): Observer[] {
    this.#forgetObservers();
    return [...this.#observers.values()];
  }

  #forgetObservers(): void {
    const sinceMs = this.#clock.wallMs() - OBSERVER_TIMEOUT_MS;
    for (const [key, { lastFetchMs }] of this.#observers) {
      if (lastFetchMs < sinceMs) this.#observers.delete(key);
    }
  }

  #localVoter(): Voter {
    return { ...this.local, ...KRAFT_VERSIONS };
  }

  #reasonAgainst(): string | null {
    const { id, directoryId } = this.local;
    const { kraftVersion, voters } = this;
    if (kraftVersion > KRAFT_VERSIONS.kraftVersionMax) {
      return `kraft.version ${kraftVersion} is newer than this program`;
    }
    if (kraftVersion >= 1 && this.control.voters === null) {
      return "kraft.version is 1, but neither the metadata log nor its snapshots name voters";
    }
    if (voters.size === 0) return NOBODY_VOTES;
    if (isOnlyVoter(voters, id, directoryId)) return null;
    const names = [...voters.values()].map(nameOf).join(", ");
    const own = nameOf({ id, directoryId });
    if (voters.size > 1) {
      return `the voters of the metadata quorum are ${names}: more than one is not supported yet`;
    }
    return `the only voter of the metadata quorum is ${names}, but this is ${own}`;
  }
}

const NOBODY_VOTES =
  "nobody votes: set controller.quorum.voters, or format the directory with --standalone";

function nameOf({
  id,
  directoryId,
}: {
  readonly id: number;
  readonly directoryId: string;
}): string {
  return directoryId === ZERO_UUID ? `node ${id}` : `node ${id} with directory ${directoryId}`;
}
