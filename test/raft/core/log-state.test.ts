import { describe, expect, test } from "bun:test";
import { step } from "../../../src/raft/core/raft-core.ts";
import {
  type LogState,
  endOffsetForEpoch,
  flushedEnd,
  snapshotsChanged,
  truncationOffset,
  validatePosition,
} from "../../../src/raft/core/log-state.ts";
import { newCluster } from "./replicas.ts";

/** Epoch 1 from 0, 3 from 4, 4 from 7; it ends at 9. */
function logOf(changes: Partial<LogState> = {}): LogState {
  return {
    startOffset: 0,
    endOffset: 9,
    flushedOffset: 9,
    highWatermark: 6,
    truncations: 0,
    epochs: [
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 4 },
      { epoch: 4, startOffset: 7 },
    ],
    snapshots: [],
    ...changes,
  };
}

const trimmed = () =>
  logOf({
    startOffset: 4,
    epochs: logOf().epochs.slice(1),
    snapshots: [{ endOffset: 4, epoch: 1 }],
  });

describe("an epoch's end", () => {
  test("is where the next begins, or the log's", () => {
    expect(endOffsetForEpoch(logOf(), 1)).toEqual({ endOffset: 4, epoch: 1 });
    expect(endOffsetForEpoch(logOf(), 2)).toEqual({ endOffset: 4, epoch: 1 });
    expect(endOffsetForEpoch(logOf(), 4)).toEqual({ endOffset: 9, epoch: 4 });
    expect(endOffsetForEpoch(logOf(), 7)).toEqual({ endOffset: 9, epoch: 4 });
  });

  test("is that of the snapshot where the log has none of it any more", () => {
    expect(endOffsetForEpoch(trimmed(), 1)).toEqual({ endOffset: 4, epoch: 1 });
  });
});

describe("a follower's position", () => {
  test("is valid up to the end of its epoch, and diverges behind it", () => {
    expect(validatePosition(logOf(), 4, 1)).toEqual({ kind: "valid" });
    const at = { endOffset: 4, epoch: 1 };
    expect(validatePosition(logOf(), 5, 1)).toEqual({ kind: "diverging", at });
    expect(validatePosition(logOf(), 5, 2)).toEqual({ kind: "diverging", at });
  });

  test("before the log's start needs the snapshot", () => {
    const at = { endOffset: 4, epoch: 1 };
    expect(validatePosition(trimmed(), 4, 1)).toEqual({ kind: "valid" });
    expect(validatePosition(trimmed(), 3, 1)).toEqual({ kind: "snapshot", at });
    expect(validatePosition(trimmed(), 0, 0)).toEqual({ kind: "snapshot", at });
    expect(validatePosition(trimmed(), 4, 2)).toEqual({ kind: "snapshot", at });
  });

  test("is cut to the common end of the newest common epoch", () => {
    expect(truncationOffset(logOf(), { endOffset: 8, epoch: 4 })).toBe(8);
    expect(truncationOffset(logOf(), { endOffset: 20, epoch: 3 })).toBe(7);
    expect(truncationOffset(logOf(), { endOffset: 6, epoch: 2 })).toBe(4);
    expect(truncationOffset(logOf(), { endOffset: 0, epoch: 0 })).toBe(0);
  });
});

test("what is on disk has the epoch of its own last record", () => {
  expect(flushedEnd(logOf({ flushedOffset: 6 }))).toEqual({ endOffset: 6, epoch: 3 });
  expect(flushedEnd(logOf({ flushedOffset: 4 }))).toEqual({ endOffset: 4, epoch: 1 });
  expect(flushedEnd(logOf({ flushedOffset: 0 }))).toEqual({ endOffset: 0, epoch: 0 });
});

test("a snapshot takes the place of the log before it", () => {
  const log = logOf();
  snapshotsChanged(log, [{ endOffset: 5, epoch: 3 }], 5);
  expect(log.epochs).toEqual([
    { epoch: 3, startOffset: 5 },
    { epoch: 4, startOffset: 7 },
  ]);
  expect(endOffsetForEpoch(log, 3)).toEqual({ endOffset: 7, epoch: 3 });
});

test("a flush from before a truncation counts for nothing", () => {
  const state = newCluster({ voters: [1, 2, 3], observers: [], isDynamic: false }).state(1);
  state.log = logOf({ flushedOffset: 2, truncations: 1 });
  const moment = { nowMs: 0, below: () => 0 };
  step(state, { kind: "flushed", endOffset: 9, truncations: 0 }, moment);
  expect(state.log.flushedOffset).toBe(2);
  step(state, { kind: "flushed", endOffset: 8, truncations: 1 }, moment);
  expect(state.log.flushedOffset).toBe(8);
});
