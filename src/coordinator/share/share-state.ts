/** What is remembered of one partition for one share group. Never changed, only replaced. */
import { combineBatches } from "./state-batches.ts";
import type { ShareStateBatch, WrittenShareState } from "./persister.ts";

export const UNINITIALIZED_START_OFFSET = -1;
export const UNINITIALIZED_COUNT = -1;
export const NO_EPOCH = -1;

/** As a snapshot has it. */
export interface ShareState {
  /** Counts snapshots. */
  readonly snapshotEpoch: number;
  /** Counts initialisations: grows with each change of offsets by an administrator. */
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly ShareStateBatch[];
  readonly createTimestamp: number;
  readonly writeTimestamp: number;
}

/** As a record says it that only tells what is new. */
export type ShareUpdate = Omit<ShareState, "stateEpoch" | "createTimestamp" | "writeTimestamp">;

/** The start offset of a partition that has none yet comes with its first write. */
export function initialState(
  stateEpoch: number,
  startOffset: number,
  snapshotEpoch: number,
  nowMs: number,
): ShareState {
  return {
    snapshotEpoch,
    stateEpoch,
    leaderEpoch: 0,
    startOffset,
    deliveryCompleteCount: startOffset === UNINITIALIZED_START_OFFSET ? UNINITIALIZED_COUNT : 0,
    stateBatches: [],
    createTimestamp: nowMs,
    writeTimestamp: nowMs,
  };
}

/** An update of which the snapshot is gone, or never was. */
export function stateOfUpdate(update: ShareUpdate): ShareState {
  return { ...update, stateEpoch: 0, createTimestamp: 0, writeTimestamp: 0 };
}

export function withUpdate(state: ShareState, update: ShareUpdate): ShareState {
  const { startOffset, leaderEpoch, deliveryCompleteCount, stateBatches } = update;
  const start = startOffset === UNINITIALIZED_START_OFFSET ? state.startOffset : startOffset;
  return {
    ...state,
    startOffset: start,
    leaderEpoch: leaderEpoch === NO_EPOCH ? state.leaderEpoch : leaderEpoch,
    deliveryCompleteCount,
    stateBatches: combineBatches(state.stateBatches, stateBatches, start),
  };
}

/** All that is known after a write, as a new snapshot. */
export function nextSnapshot(
  state: ShareState,
  written: WrittenShareState,
  nowMs: number,
): ShareState {
  return {
    ...withUpdate(state, { ...written, snapshotEpoch: state.snapshotEpoch }),
    snapshotEpoch: state.snapshotEpoch + 1,
    createTimestamp: nowMs,
    writeTimestamp: nowMs,
  };
}

export function updateOf(state: ShareState, written: WrittenShareState): ShareUpdate {
  const { startOffset, deliveryCompleteCount, leaderEpoch, stateBatches } = written;
  return {
    snapshotEpoch: state.snapshotEpoch,
    leaderEpoch,
    startOffset,
    deliveryCompleteCount,
    stateBatches: combineBatches([], stateBatches, startOffset),
  };
}
