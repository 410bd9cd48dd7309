/**
 * What a share partition, and the group coordinator, use to keep the state of a partition for a
 * share group (KIP-932): in the words of the APIs 83 to 87, one partition a call. The promises
 * never reject; a coordinator that is being made, moved or loaded is asked again for a while
 * before its error comes back.
 */
import type { ErrorCode } from "../../protocol/error-code.ts";

export interface SharePartitionKey {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface ShareStateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

export interface ShareStateResult {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export interface ReadShareState extends ShareStateResult {
  readonly stateEpoch: number;
  /** -1: there is none yet; the group's reset policy says where to begin. */
  readonly startOffset: number;
  readonly stateBatches: readonly ShareStateBatch[];
}

export interface WrittenShareState {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  /** -1: as it was. */
  readonly startOffset: number;
  /** KIP-1226: records from the start offset on that are done with. */
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly ShareStateBatch[];
}

export interface ShareStateSummary extends ShareStateResult {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
}

/** The coordinator of share partitions, on this node or another: asked once, it answers once. */
export interface ShareStateSource {
  initialize(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult>;
  read(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState>;
  write(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult>;
  delete(key: SharePartitionKey): Promise<ShareStateResult>;
  summary(key: SharePartitionKey, leaderEpoch: number): Promise<ShareStateSummary>;
}

export interface ShareStatePersister {
  /** A leader epoch above the known one is remembered: older leaders cannot write any more. */
  readState(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState>;
  writeState(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult>;
  initializeState(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult>;
  deleteState(key: SharePartitionKey): Promise<ShareStateResult>;
  readSummary(key: SharePartitionKey, leaderEpoch: number): Promise<ShareStateSummary>;
}
