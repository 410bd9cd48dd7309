/**
 * States of a transactional id, as they stand in records; and as tools show and ask for them.
 *
 *   Empty ──▶ Ongoing ──┬──▶ PrepareCommit ──▶ CompleteCommit ──┐
 *     │  ▲       ▲      └──▶ PrepareAbort ───▶ CompleteAbort ───┤
 *     │  │       │                ▲                             │
 *     │  │       └── partitions ──┼─────────────────────────────┤
 *     │  └────── InitProducerId ──┼─────────────────────────────┤
 *     └───────────────────────────┴── abort, KIP-890 ───────────┘
 *
 * Dead and PrepareEpochFence are Kafka's names for steps that are one with the next here: no
 * transactional id is ever seen in them, but filters may name them.
 */
export const TransactionState = {
  EMPTY: 0,
  ONGOING: 1,
  PREPARE_COMMIT: 2,
  PREPARE_ABORT: 3,
  COMPLETE_COMMIT: 4,
  COMPLETE_ABORT: 5,
  DEAD: 6,
  PREPARE_EPOCH_FENCE: 7,
} as const;
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];

const NAMES: readonly string[] = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
];

export function transactionStateName(state: TransactionState): string {
  return NAMES[state]!;
}

/** Null for a name that no state has. */
export function transactionStateNamed(name: string): TransactionState | null {
  const index = NAMES.indexOf(name);
  return index === -1 ? null : (index as TransactionState);
}

/** Whether a record may be in this state: see above for those that may not. */
export function isRecordedState(state: number): state is TransactionState {
  return state >= TransactionState.EMPTY && state <= TransactionState.COMPLETE_ABORT;
}
