/** What every answer says of the leader, and the checks that several requests share. */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { LeaderFacts } from "./messages.ts";
import type { RaftState } from "./state.ts";

export function leaderFacts(
  { election, leaderEndpoints }: RaftState,
  errorCode: ErrorCode,
): LeaderFacts {
  const { leaderId, leaderEpoch } = election;
  return { topLevelError: ErrorCode.NONE, errorCode, leaderId, leaderEpoch, leaderEndpoints };
}

export function isClusterId({ config }: RaftState, clusterId: string | null): boolean {
  return clusterId === null || clusterId === config.clusterId;
}

/** Of requests by which another replica claims an epoch. */
export function errorOfClaim({ election }: RaftState, nodeId: number, epoch: number): ErrorCode {
  if (epoch < election.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  // A claim that no number of elections could have reached is not followed, lest epochs run out.
  if (epoch > election.leaderEpoch + EPOCH_LEAP_MAX) return ErrorCode.INVALID_REQUEST;
  return nodeId < 0 ? ErrorCode.INVALID_REQUEST : ErrorCode.NONE;
}

/** Of requests that only the leader of just this epoch answers. */
export function errorUnlessLeader(state: RaftState, epoch: number): ErrorCode {
  const { election, role, isShuttingDown } = state;
  if (epoch < election.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (epoch > election.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  if (role.name !== "leader") return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  return isShuttingDown ? ErrorCode.BROKER_NOT_AVAILABLE : ErrorCode.NONE;
}

interface Addressee {
  /** -1: whoever gets it. */
  readonly voterId: number;
  readonly voterDirectoryId: string;
}

export function isMeantForUs({ config }: RaftState, addressee: Addressee): boolean {
  const { voterId, voterDirectoryId } = addressee;
  if (voterId < 0) return true;
  const { id, directoryId } = config.local;
  return voterId === id && (voterDirectoryId === ZERO_UUID || voterDirectoryId === directoryId);
}

export const EPOCH_LEAP_MAX = 1_000_000;
