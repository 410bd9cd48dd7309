/** A change of the voters that is under way: told when it is committed, or can be no more. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Turn } from "./effects.ts";
import type { LeaderRole } from "./state.ts";
import { isVoterKey, lastVotersEntry } from "./voter-history.ts";

export function isChangePending({ addVoter, removeVoter }: LeaderRole): boolean {
  return addVoter !== null || removeVoter !== null;
}

export function endAddVoter(
  turn: Turn,
  role: LeaderRole,
  error: ErrorCode,
  errorMessage: string | null,
): void {
  const { addVoter } = role;
  role.addVoter = null;
  if (addVoter === null || addVoter.isAnswered) return;
  const response = { kind: "addVoter", topLevelError: error, errorMessage } as const;
  turn.effects.push({ kind: "respond", token: addVoter.token, response, read: null });
}

function endRemoveVoter(turn: Turn, role: LeaderRole, error: ErrorCode): void {
  const { removeVoter } = role;
  role.removeVoter = null;
  if (removeVoter === null) return;
  const response = { kind: "removeVoter", topLevelError: error, errorMessage: null } as const;
  turn.effects.push({ kind: "respond", token: removeVoter.token, response, read: null });
}

export function endVoterChanges(turn: Turn, role: LeaderRole, error: ErrorCode): void {
  endAddVoter(turn, role, error, null);
  endRemoveVoter(turn, role, error);
}

/** What was committed in this step, and what has taken too long. */
export function settleVoterChanges(turn: Turn, role: LeaderRole): void {
  const { state, nowMs } = turn;
  const { highWatermark } = role;
  const added = role.addVoter;
  if (added !== null && added.offset >= 0 && added.offset < highWatermark) {
    endAddVoter(turn, role, ErrorCode.NONE, null);
  } else if (added !== null && nowMs >= added.expiresAtMs) {
    endAddVoter(turn, role, ErrorCode.REQUEST_TIMED_OUT, null);
  }
  // A leader that is no voter any more leads only until that is committed, be it ever so late.
  const entry = lastVotersEntry(state.quorum);
  const isCommitted = entry !== null && entry.offset < highWatermark;
  if (isCommitted && !isVoterKey(entry.voters, state.config.local)) role.isResigning = true;
  const removed = role.removeVoter;
  if (removed === null) return;
  if (removed.offset < highWatermark) {
    endRemoveVoter(turn, role, ErrorCode.NONE);
  } else if (nowMs >= removed.expiresAtMs) {
    endRemoveVoter(turn, role, ErrorCode.REQUEST_TIMED_OUT);
  }
}
