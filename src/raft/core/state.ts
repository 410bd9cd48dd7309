/**
 * The state of one replica of the quorum: plain data, which nothing but `step` changes.
 *
 *   unattached -> prospective -> candidate -> leader -> resigned -> unattached
 *        ^            |  ^           |
 *        '--- lost ---'  |           '--- lost, after a while ---> prospective
 *        '-> follower ---'  nothing heard of the leader
 *
 * A newer epoch makes a follower of each of them where its leader is known, else an unattached.
 * Names that end in `AtMs` are moments of the clock that `step` is handed; `NEVER_MS` never comes.
 */
import type { QuorumState } from "../quorum-state.ts";
import type { SnapshotId } from "../snapshot-name.ts";
import type { Voter, VoterEndpoint, VoterSet } from "../voter-set.ts";
import type { LogState } from "./log-state.ts";
import type { FetchRequest, ReplicaKey } from "./messages.ts";
import type { VoterHistory } from "./voter-history.ts";

export const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** In Kafka's words; each has a setting `controller.quorum.*` unless another is named. */
export interface RaftConfig {
  readonly clusterId: string;
  /** This replica, with the levels of kraft.version that it runs. */
  readonly local: Voter;
  /** The controller listener by whose endpoints voters are reached. */
  readonly listener: string;
  /** bootstrap.servers, or the endpoints of the static voters. */
  readonly bootstrapServers: readonly Address[];
  /** Whether this node has the controller role: an observer that never votes need not flush. */
  readonly canBecomeVoter: boolean;
  /** auto.join.enable */
  readonly autoJoin: boolean;
  /** Where something says that nobody leads, voters do not wait for a timeout: succession.ts. */
  readonly isHasty: boolean;
  readonly electionTimeoutMs: number;
  readonly electionBackoffMaxMs: number;
  readonly fetchTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  /** Of the long poll; Kafka has no setting for it. */
  readonly fetchMaxWaitMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchSnapshotMaxBytes: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `id` is below -1 for a bootstrap server: who answers there is not known. */
export interface Destination extends Address {
  readonly id: number;
}

export interface RaftState {
  readonly config: RaftConfig;
  /** As it is on disk, or as the last `persist` effect says. */
  election: QuorumState;
  /** Empty while no leader is known, or only its id. */
  leaderEndpoints: readonly VoterEndpoint[];
  role: Role;
  log: LogState;
  quorum: VoterHistory;
  /** At most one request to each node is under way. */
  connections: Connection[];
  nextRequestId: number;
  /** Long polls that found nothing new. */
  waitingFetches: WaitingFetch[];
  /** It is here, and the driver puts it in place of the log: until then nothing else happens. */
  loadingSnapshot: SnapshotId | null;
  isShuttingDown: boolean;
}

export type Role =
  UnattachedRole | ProspectiveRole | CandidateRole | FollowerRole | LeaderRole | ResignedRole;

export interface UnattachedRole {
  readonly name: "unattached";
  readonly electionAtMs: number;
}

/** Asks who would vote for it, before it makes anybody forget a leader (KIP-996). */
export interface ProspectiveRole {
  readonly name: "prospective";
  readonly electionAtMs: number;
  readonly votes: Votes;
}

export interface CandidateRole {
  readonly name: "candidate";
  readonly electionAtMs: number;
  readonly votes: Votes;
}

/** By those who voted when it began. */
export interface Votes {
  readonly voters: VoterSet;
  granted: readonly number[];
  rejected: readonly number[];
}

export interface FollowerRole {
  readonly name: "follower";
  fetchAtMs: number;
  updateVoterAtMs: number;
  /** Of this leader, in this epoch: from then on no other gets a pre-vote of this node. */
  hasFetched: boolean;
  hasUpdatedLeader: boolean;
  download: Download | null;
}

export interface Download {
  readonly id: SnapshotId;
  /** Bytes of it that are here. */
  size: number;
}

export interface LeaderRole {
  readonly name: "leader";
  readonly epochStartOffset: number;
  readonly grantingVoters: readonly number[];
  /** -1 until something of this epoch is committed. */
  highWatermark: number;
  voters: ReplicaProgress[];
  observers: ReplicaProgress[];
  /** Ids of voters that have fetched since the check-quorum timer was last set. */
  fetchedVoters: readonly number[];
  checkQuorumAtMs: number;
  beginQuorumEpochAtMs: number;
  addVoter: PendingAddVoter | null;
  removeVoter: PendingRemoveVoter | null;
  /** With kraft.version 0, what voters have said of themselves since: see UpdateRaftVoter. */
  volatileVoters: VoterSet | null;
  isResigning: boolean;
}

export interface ReplicaProgress {
  key: ReplicaKey;
  /** What is on its disk; -1 before it has said so. */
  endOffset: number;
  lastFetchAtMs: number;
  lastCaughtUpAtMs: number;
  /** The leader's end when it fetched last. */
  lastFetchLeaderEndOffset: number;
}

export interface PendingAddVoter {
  readonly token: RequestToken;
  readonly voter: ReplicaKey;
  readonly endpoints: readonly VoterEndpoint[];
  readonly ackWhenCommitted: boolean;
  readonly expiresAtMs: number;
  isAnswered: boolean;
  /** Of the record; -1 while the new voter has not said what it runs. */
  offset: number;
}

export interface PendingRemoveVoter {
  readonly token: RequestToken;
  readonly expiresAtMs: number;
  readonly offset: number;
}

export interface ResignedRole {
  readonly name: "resigned";
  readonly electionAtMs: number;
  unacknowledged: readonly number[];
  readonly preferredCandidates: readonly ReplicaKey[];
}

export interface Connection {
  readonly id: number;
  /** The request under way; -1 after one that failed. */
  requestId: number;
  kind: RequestKind;
  /** When it was sent, or has failed. */
  sinceAtMs: number;
}

export type RequestKind =
  | "vote"
  | "beginQuorumEpoch"
  | "endQuorumEpoch"
  | "fetch"
  | "fetchSnapshot"
  | "addVoter"
  | "removeVoter"
  | "updateVoter"
  | "apiVersions";

/** By which the driver finds whom to answer. */
export type RequestToken = number;

export interface WaitingFetch {
  readonly token: RequestToken;
  readonly request: FetchRequest;
  readonly untilAtMs: number;
}
