/** What goes into the core, and what comes out of it. */
import type { NewControlRecord } from "../control-record.ts";
import type { QuorumState } from "../quorum-state.ts";
import type { SnapshotId } from "../snapshot-name.ts";
import type { Batch } from "./log-state.ts";
import type { ApiVersionsRequest, RaftRequest, RaftResponse } from "./messages.ts";
import type { Destination, RaftState, RequestToken } from "./state.ts";
import type { QuorumFact } from "./log-state.ts";

export type Input =
  /** Time has passed: see `nextTickAtMs`. */
  | { readonly kind: "tick" }
  /** `token` comes back with the response, if there is one. */
  | { readonly kind: "request"; readonly token: RequestToken; readonly request: RaftRequest }
  | { readonly kind: "response"; readonly requestId: number; readonly response: RaftResponse }
  /** No response will come: the connection broke, or none could be made: `isUnreachable`. */
  | { readonly kind: "failed"; readonly requestId: number; readonly isUnreachable?: boolean }
  /** The controller writes a batch of `recordCount` records. Only for the leader of `epoch`. */
  | {
      readonly kind: "append";
      readonly epoch: number;
      readonly recordCount: number;
      readonly payload: unknown;
    }
  /** Everything up to there is on disk: the numbers of the newest `flush` before the sync began. */
  | { readonly kind: "flushed"; readonly endOffset: number; readonly truncations: number }
  /** Snapshots were taken or dropped; which there are now, oldest first. */
  | {
      readonly kind: "snapshots";
      readonly snapshots: readonly SnapshotId[];
      readonly startOffset: number;
    }
  /** The snapshot of `completeSnapshot` stands for the log, and says this of the quorum. */
  | {
      readonly kind: "snapshotLoaded";
      readonly id: SnapshotId;
      readonly facts: readonly QuorumFact[];
    }
  /** What came as a snapshot is none: the log stays, and the leader is asked again. */
  | { readonly kind: "snapshotRefused"; readonly id: SnapshotId }
  /** KIP-853: from voters of the settings to voters of the log; see `reasonAgainstUpgrade`. */
  | { readonly kind: "upgradeKRaftVersion"; readonly epoch: number; readonly kraftVersion: number }
  /** The controller can lead no more, though the node is well. */
  | { readonly kind: "resign"; readonly epoch: number }
  | { readonly kind: "shutdown" };

export type Effect =
  /** Into quorum-state; on disk before anything behind it is carried out. */
  | {
      readonly kind: "persist";
      readonly election: QuorumState;
      readonly kraftVersion: number;
      readonly voterIds: readonly number[];
    }
  | {
      readonly kind: "send";
      readonly to: Destination;
      readonly requestId: number;
      readonly request: RaftRequest | ApiVersionsRequest;
    }
  | {
      readonly kind: "respond";
      readonly token: RequestToken;
      readonly response: RaftResponse;
      /** What the driver reads into the response first: batches, or bytes of a snapshot. */
      readonly read: ReadRange | null;
    }
  /** `controls` is null where the payload holds the records. */
  | {
      readonly kind: "append";
      readonly batch: Batch;
      readonly controls: readonly NewControlRecord[] | null;
    }
  | { readonly kind: "truncate"; readonly endOffset: number }
  | { readonly kind: "flush"; readonly endOffset: number; readonly truncations: number }
  | { readonly kind: "advanceHighWatermark"; readonly offset: number }
  /** A new file, not to be taken for a snapshot before `completeSnapshot`. */
  | { readonly kind: "beginSnapshot"; readonly id: SnapshotId }
  | {
      readonly kind: "writeSnapshot";
      readonly id: SnapshotId;
      readonly position: number;
      readonly bytes: unknown;
    }
  /** Make it durable, drop the log for it, read it, and say `snapshotLoaded`; else refuse it. */
  | { readonly kind: "completeSnapshot"; readonly id: SnapshotId }
  | { readonly kind: "dropSnapshot"; readonly id: SnapshotId }
  /** For the controller: -1 while none is known. A leader's epoch begins at `epochStartOffset`. */
  | {
      readonly kind: "leaderChanged";
      readonly epoch: number;
      readonly leaderId: number;
      readonly epochStartOffset: number;
    }
  /** Others break the protocol such that committed records would be lost: stop the node. */
  | { readonly kind: "fault"; readonly reason: string };

export type ReadRange =
  | { readonly kind: "log"; readonly fromOffset: number; readonly maxBytes: number }
  | {
      readonly kind: "snapshot";
      readonly id: SnapshotId;
      readonly position: number;
      readonly maxBytes: number;
    };

/** When a step is taken, and its chance: a whole number from 0 to `bound` - 1. */
export interface Moment {
  readonly nowMs: number;
  readonly below: (bound: number) => number;
}

/** One step under way. */
export interface Turn extends Moment {
  readonly state: RaftState;
  readonly effects: Effect[];
}
