/**
 * What the nodes of a quorum say to each other, as plain data in the shape of Kafka's requests 52
 * to 55, 59, 80 to 82, 1 and 18. Each of them names one partition, that of the metadata, so the
 * lists of topics and partitions are left to the adapter that maps these onto the protocol.
 *
 * `topLevelError` is the error of the response, `errorCode` that of its one partition. Where a
 * request has no version's field for something, the adapter fills in what stands for "unknown": -1
 * for an id, ZERO_UUID for a directory, no endpoints.
 */
import type { ErrorCode } from "../../protocol/error-code.ts";
import type { SnapshotId } from "../snapshot-name.ts";
import type { VoterEndpoint } from "../voter-set.ts";
import type { Batch } from "./log-state.ts";

/** A replica is a directory of a node: one that was wiped comes back as another. */
export interface ReplicaKey {
  readonly id: number;
  /** ZERO_UUID where it is not known. */
  readonly directoryId: string;
}

export interface VoteRequest {
  readonly kind: "vote";
  readonly clusterId: string | null;
  /** Whom it is meant for; -1: whoever gets it. */
  readonly voterId: number;
  readonly voterDirectoryId: string;
  readonly replicaId: number;
  readonly replicaDirectoryId: string;
  readonly replicaEpoch: number;
  readonly lastOffset: number;
  readonly lastOffsetEpoch: number;
  /** KIP-996: would you? */
  readonly preVote: boolean;
}

export interface BeginQuorumEpochRequest {
  readonly kind: "beginQuorumEpoch";
  readonly clusterId: string | null;
  readonly voterId: number;
  readonly voterDirectoryId: string;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly VoterEndpoint[];
}

export interface EndQuorumEpochRequest {
  readonly kind: "endQuorumEpoch";
  readonly clusterId: string | null;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly VoterEndpoint[];
  /** Who has most of the log comes first. */
  readonly preferredCandidates: readonly ReplicaKey[];
}

export interface FetchRequest {
  readonly kind: "fetch";
  readonly clusterId: string | null;
  /** -1: an observer without an id. */
  readonly replicaId: number;
  readonly replicaDirectoryId: string;
  readonly currentLeaderEpoch: number;
  /** All below it is on the disk of the replica. */
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  /** As the replica knows it; -1 before it knows any. */
  readonly highWatermark: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

export interface FetchSnapshotRequest {
  readonly kind: "fetchSnapshot";
  readonly clusterId: string | null;
  readonly replicaId: number;
  readonly replicaDirectoryId: string;
  readonly currentLeaderEpoch: number;
  readonly snapshotId: SnapshotId;
  /** In bytes of the snapshot's file. */
  readonly position: number;
  readonly maxBytes: number;
}

export interface AddVoterRequest {
  readonly kind: "addVoter";
  readonly clusterId: string | null;
  readonly timeoutMs: number;
  readonly voterId: number;
  readonly voterDirectoryId: string;
  readonly endpoints: readonly VoterEndpoint[];
  readonly ackWhenCommitted: boolean;
}

export interface RemoveVoterRequest {
  readonly kind: "removeVoter";
  readonly clusterId: string | null;
  readonly voterId: number;
  readonly voterDirectoryId: string;
}

export interface UpdateVoterRequest {
  readonly kind: "updateVoter";
  readonly clusterId: string | null;
  readonly currentLeaderEpoch: number;
  readonly voterId: number;
  readonly voterDirectoryId: string;
  readonly endpoints: readonly VoterEndpoint[];
  readonly kraftVersionMin: number;
  readonly kraftVersionMax: number;
}

/** Asked of a replica that is to become a voter: which levels of kraft.version it runs. */
export interface ApiVersionsRequest {
  readonly kind: "apiVersions";
}

export type RaftRequest =
  | VoteRequest
  | BeginQuorumEpochRequest
  | EndQuorumEpochRequest
  | FetchRequest
  | FetchSnapshotRequest
  | AddVoterRequest
  | RemoveVoterRequest
  | UpdateVoterRequest;

/** What the response's sender knows of the leader. */
export interface LeaderFacts {
  readonly topLevelError: ErrorCode;
  readonly errorCode: ErrorCode;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly leaderEndpoints: readonly VoterEndpoint[];
}

export interface VoteResponse extends LeaderFacts {
  readonly kind: "vote";
  readonly voteGranted: boolean;
}

export interface EpochResponse extends LeaderFacts {
  readonly kind: "beginQuorumEpoch" | "endQuorumEpoch";
}

export interface FetchResponse extends LeaderFacts {
  readonly kind: "fetch";
  readonly logStartOffset: number;
  /** -1 while the leader of a new epoch knows none. */
  readonly highWatermark: number;
  readonly divergingEpoch: SnapshotId | null;
  readonly snapshotId: SnapshotId | null;
  /** The driver of the leader reads them: see `ReadRange`. */
  readonly batches: readonly Batch[];
}

export interface FetchSnapshotResponse extends LeaderFacts {
  readonly kind: "fetchSnapshot";
  readonly snapshotId: SnapshotId | null;
  readonly position: number;
  /** Of the whole snapshot, in bytes. */
  readonly size: number;
  /** Of `bytes`, which the core never looks into. */
  readonly byteCount: number;
  readonly bytes: unknown;
}

export interface VoterChangeResponse {
  readonly kind: "addVoter" | "removeVoter";
  readonly topLevelError: ErrorCode;
  readonly errorMessage: string | null;
}

export interface UpdateVoterResponse extends LeaderFacts {
  readonly kind: "updateVoter";
}

export interface ApiVersionsResponse {
  readonly kind: "apiVersions";
  readonly topLevelError: ErrorCode;
  /** Null where kraft.version is unknown to the other. */
  readonly kraftVersions: { readonly min: number; readonly max: number } | null;
}

export type RaftResponse =
  | VoteResponse
  | EpochResponse
  | FetchResponse
  | FetchSnapshotResponse
  | VoterChangeResponse
  | UpdateVoterResponse
  | ApiVersionsResponse;

/** Those that tell what the other knows of the leader. */
export type LeaderAnswer = Exclude<RaftResponse, VoterChangeResponse | ApiVersionsResponse>;
