/**
 * What a follower makes of the responses of its leader: it appends, cuts what the leader has not,
 * or takes a snapshot in pieces. The next Fetch leaves when what came is on disk, for by it the
 * leader counts.
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { NOBODY } from "../quorum-state.ts";
import { type SnapshotId, compareSnapshots } from "../snapshot-name.ts";
import type { Turn } from "./effects.ts";
import { learnFrom } from "./learn.ts";
import {
  type Batch,
  type QuorumFact,
  appendToLog,
  lastEpoch,
  restartLog,
  truncateLog,
  truncationOffset,
} from "./log-state.ts";
import type { FetchResponse, FetchSnapshotResponse } from "./messages.ts";
import type { FollowerRole, RaftState } from "./state.ts";
import { addFacts, dropFactsFrom } from "./voter-history.ts";

/** False: it has failed, and is not to be repeated at once. */
export function fetchAnswered(turn: Turn, response: FetchResponse): boolean {
  const before = turn.state.role;
  const handled = learnFrom(turn, response);
  const { role } = turn.state;
  // Who had nothing new to say is not asked again at once: Kafka asks on and on.
  if (handled !== "goOn") return handled && role !== before;
  if (response.errorCode !== ErrorCode.NONE || role.name !== "follower") return false;
  const { divergingEpoch, snapshotId } = response;
  if (divergingEpoch !== null) {
    if (!truncate(turn, divergingEpoch)) return false;
  } else if (snapshotId !== null) {
    if (!beginDownload(turn, role, snapshotId)) return false;
  } else {
    append(turn, response.batches);
    advance(turn, response.highWatermark);
  }
  hasHeard(turn, role);
  return true;
}

export function fetchSnapshotAnswered(turn: Turn, response: FetchSnapshotResponse): boolean {
  const before = turn.state.role;
  const handled = learnFrom(turn, response);
  const { role } = turn.state;
  if (handled !== "goOn") return handled && role !== before;
  const { errorCode, snapshotId, position, size, byteCount, bytes } = response;
  if (role.name !== "follower" || role.download === null) return false;
  const { download } = role;
  if (errorCode === ErrorCode.SNAPSHOT_NOT_FOUND || (!errorCode && snapshotId === null)) {
    // It has a newer one by now, and a Fetch will say which.
    drop(turn, role);
    hasHeard(turn, role);
    return true;
  }
  if (errorCode !== ErrorCode.NONE || snapshotId === null) return false;
  const isNext = compareSnapshots(snapshotId, download.id) === 0 && position === download.size;
  const isWithin = byteCount > 0 && position + byteCount <= size;
  if (!isNext || !isWithin) {
    drop(turn, role);
    return false;
  }
  const { id } = download;
  turn.effects.push({ kind: "writeSnapshot", id, position, bytes });
  download.size += byteCount;
  if (download.size === size) {
    role.download = null;
    turn.state.loadingSnapshot = id;
    turn.effects.push({ kind: "completeSnapshot", id });
  }
  hasHeard(turn, role);
  return true;
}

/** The driver has put a whole snapshot in place of the log, and read it. */
export function snapshotLoaded(turn: Turn, id: SnapshotId, facts: readonly QuorumFact[]): void {
  const { state } = turn;
  const { log, quorum, loadingSnapshot } = state;
  assert(loadingSnapshot !== null, "a snapshot that was completed");
  assert(compareSnapshots(loadingSnapshot, id) === 0, "the snapshot that was completed last");
  state.loadingSnapshot = null;
  restartLog(log, id);
  quorum.facts = [];
  addFacts(quorum, facts);
  turn.effects.push({ kind: "advanceHighWatermark", offset: id.endOffset });
}

/** The driver has found that it is not whole: nothing has changed. */
export function snapshotRefused({ state }: Turn, id: SnapshotId): void {
  const { loadingSnapshot } = state;
  assert(loadingSnapshot !== null, "a snapshot that was completed");
  assert(compareSnapshots(loadingSnapshot, id) === 0, "the snapshot that was completed last");
  state.loadingSnapshot = null;
}

function hasHeard(turn: Turn, role: FollowerRole): void {
  role.fetchAtMs = turn.nowMs + turn.state.config.fetchTimeoutMs;
  role.hasFetched = true;
}

function truncate(turn: Turn, diverging: SnapshotId): boolean {
  const { log, quorum } = turn.state;
  const offset = truncationOffset(log, diverging);
  if (offset < log.highWatermark || diverging.endOffset < log.highWatermark) {
    const reason =
      `the leader wants the log cut at offset ${offset}, ` +
      `but all below ${log.highWatermark} is committed`;
    turn.effects.push({ kind: "fault", reason });
    return false;
  }
  if (offset < log.endOffset) {
    truncateLog(log, offset);
    dropFactsFrom(quorum, offset);
    turn.effects.push({ kind: "truncate", endOffset: offset });
  }
  return true;
}

function beginDownload(turn: Turn, role: FollowerRole, id: SnapshotId): boolean {
  const { log } = turn.state;
  if (id.epoch < 0 || id.endOffset < log.highWatermark) return false;
  const isHere = log.snapshots.some((each) => compareSnapshots(each, id) === 0);
  if (isHere || role.download !== null) return false;
  role.download = { id, size: 0 };
  turn.effects.push({ kind: "beginSnapshot", id });
  return true;
}

function drop(turn: Turn, role: FollowerRole): void {
  if (role.download === null) return;
  turn.effects.push({ kind: "dropSnapshot", id: role.download.id });
  role.download = null;
}

function append(turn: Turn, batches: readonly Batch[]): void {
  const { state, effects } = turn;
  const { log, quorum } = state;
  const before = log.endOffset;
  for (const batch of batches) {
    if (!isNext(state, batch)) break;
    appendToLog(log, batch);
    addFacts(quorum, batch.facts);
    effects.push({ kind: "append", batch, controls: null });
  }
  if (log.endOffset === before) return;
  // Nobody counts on the disk of one that can never vote.
  if (!state.config.canBecomeVoter) log.flushedOffset = log.endOffset;
  else effects.push({ kind: "flush", endOffset: log.endOffset, truncations: log.truncations });
}

/** What a leader sends is contiguous and of no epoch that it does not know. */
function isNext({ log, election }: RaftState, batch: Batch): boolean {
  return (
    batch.baseOffset === log.endOffset &&
    batch.endOffset > batch.baseOffset &&
    batch.epoch >= lastEpoch(log) &&
    batch.epoch <= election.leaderEpoch
  );
}

function advance(turn: Turn, highWatermark: number): void {
  const { log } = turn.state;
  const offset = Math.min(highWatermark, log.endOffset);
  if (offset <= log.highWatermark || highWatermark === NOBODY) return;
  log.highWatermark = offset;
  turn.effects.push({ kind: "advanceHighWatermark", offset });
}
