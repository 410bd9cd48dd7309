/** How a leader asks the controller for another ISR: AlterPartition, as a partition sees it. */
import type { ErrorCode } from "../protocol/error-code.ts";

export interface IsrMember {
  readonly brokerId: number;
  /** KIP-903: of the incarnation that fetches; -1 when it has not fetched from this leader yet. */
  readonly brokerEpoch: number;
}

export interface IsrProposal {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  /** What the proposal is based upon: the controller refuses it when there is a newer one. */
  readonly partitionEpoch: number;
  readonly leaderRecoveryState: number;
  readonly isr: readonly IsrMember[];
}

/** What the controller says of one partition. */
export type IsrAnswer =
  | {
      readonly errorCode: typeof ErrorCode.NONE;
      readonly leaderEpoch: number;
      readonly partitionEpoch: number;
      readonly leaderRecoveryState: number;
      readonly isr: readonly number[];
    }
  | { readonly errorCode: Exclude<ErrorCode, typeof ErrorCode.NONE> };

export interface IsrChanges {
  /**
   * Resolves with the answer of a controller, however often one has to be asked. Never rejects. A
   * proposal that is made once more, after an answer that says nothing, waits a while by itself.
   */
  propose(proposal: IsrProposal): Promise<IsrAnswer>;
}
