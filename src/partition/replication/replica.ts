/** What a fetcher needs of a partition that follows a leader elsewhere. */
import type { LogConfig } from "../../log/log-config.ts";
import type { EpochEnd } from "../../log/leader-epochs.ts";
import type { ErrorCode } from "../../protocol/error-code.ts";
import type { FetchedRecords, FollowerAppend, FollowerPosition } from "../follower-state.ts";

export interface Replica {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly log: { readonly logEndOffset: number; readonly config: LogConfig };
  /** Null while there is nothing to fetch: it follows nobody, is being cut, or its disk failed. */
  followerPosition(): FollowerPosition | null;
  /** Before the first fetch of an epoch; null when there is nothing to wait for. */
  beginFollowing(leaderEpoch: number): Promise<ErrorCode> | null;
  appendAsFollower(fetched: FetchedRecords): FollowerAppend | Promise<FollowerAppend>;
  /** Cuts what the leader does not have. */
  truncateTo(leaderEpoch: number, divergingEpoch: EpochEnd): Promise<ErrorCode>;
  /** The leader's log does not reach to where this one asked: cut its end, or begin anew. */
  alignWith(leaderEpoch: number, leaderStart: number, leaderEnd: number): Promise<ErrorCode>;
}
