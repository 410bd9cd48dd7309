/** What a fetcher needs of a partition that follows a leader elsewhere. */
import type { LogConfig } from "../../log/log-config.ts";
import type { EpochEnd } from "../../log/leader-epochs.ts";
import type { ErrorCode } from "../../protocol/error-code.ts";

export interface ReplicaPosition {
  readonly leaderEpoch: number;
  /** A promise to the leader: all below it is written here. */
  readonly fetchOffset: number;
  /** Epoch of the last record that is here; -1 when there is none. */
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
}

/** What a leader answered; `leaderEpoch` and `fetchOffset` are those that it was asked with. */
export interface FetchedRecords {
  readonly leaderEpoch: number;
  readonly fetchOffset: number;
  /** They lie in the receive buffer: who needs them for longer than the call copies them. */
  readonly records: Buffer;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

export interface ReplicaAppend {
  readonly errorCode: ErrorCode;
  /** With `flush.messages`: what was appended counts when this has resolved. */
  readonly flushed: Promise<void> | null;
}

export interface Replica {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly log: { readonly logEndOffset: number; readonly config: LogConfig };
  /** Null while there is nothing to fetch: it follows nobody, is being cut, or its disk failed. */
  followerPosition(): ReplicaPosition | null;
  /** Before the first fetch of an epoch; null when there is nothing to wait for. */
  beginFollowing(leaderEpoch: number): Promise<ErrorCode> | null;
  appendAsFollower(fetched: FetchedRecords): ReplicaAppend | Promise<ReplicaAppend>;
  /** Cuts what the leader does not have. */
  truncateTo(leaderEpoch: number, divergingEpoch: EpochEnd): Promise<ErrorCode>;
  /** The leader's log does not reach to where this one asked: cut its end, or begin anew. */
  alignWith(leaderEpoch: number, leaderStart: number, leaderEnd: number): Promise<ErrorCode>;
}
