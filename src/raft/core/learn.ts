/**
 * What a replica learns from others of the leader: each request of a leader and each response says
 * who leads, and in which epoch.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import { NOBODY } from "../quorum-state.ts";
import type { VoterEndpoint } from "../voter-set.ts";
import { EPOCH_LEAP_MAX } from "./answers.ts";
import type { Turn } from "./effects.ts";
import type { LeaderFacts } from "./messages.ts";
import type { RaftState } from "./state.ts";
import { becomeFollower, becomeUnattached } from "./transitions.ts";
import { lastVoters } from "./voter-history.ts";

/** Whether there is more in a response than who leads: `false` says that it has failed. */
export type Handled = "goOn" | boolean;

/** Changes the role where another leads, or the epoch is newer. */
export function learnFrom(turn: Turn, facts: LeaderFacts): Handled {
  const { state } = turn;
  const { errorCode, leaderId, leaderEpoch } = facts;
  const { election, config } = state;
  const endpoints = endpointsOf(state, leaderId, facts.leaderEndpoints);
  if (leaderEpoch < election.leaderEpoch) return true;
  if (errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH) return true;
  const isNewer = leaderEpoch > election.leaderEpoch;
  const isNotLeader = errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER;
  if (isNewer || isNotLeader || errorCode === ErrorCode.FENCED_LEADER_EPOCH) {
    return follow(turn, leaderId, leaderEpoch, endpoints);
  }
  // Its name may be known without the way to it: of a leader that is no voter any more.
  const isUnreached = state.role.name === "unattached" && election.leaderId === leaderId;
  const isNews = leaderId !== NOBODY && (election.leaderId === NOBODY || isUnreached);
  if (isNews && leaderId !== config.local.id && endpoints.length > 0) {
    becomeFollower(turn, leaderEpoch, leaderId, endpoints);
    return errorCode === ErrorCode.NONE ? "goOn" : true;
  }
  if (errorCode === ErrorCode.BROKER_NOT_AVAILABLE) return false;
  if (errorCode === ErrorCode.INVALID_REQUEST) return false;
  if (errorCode === ErrorCode.INVALID_VOTER_KEY) return true;
  return "goOn";
}

/** False where it cannot be: an epoch has one leader, and this replica knows what it is itself. */
export function follow(
  turn: Turn,
  leaderId: number,
  epoch: number,
  endpoints: readonly VoterEndpoint[],
): boolean {
  const { state } = turn;
  const { election, leaderEndpoints } = state;
  if (!isConsistentLeader(state, leaderId, epoch)) return false;
  if (epoch > election.leaderEpoch + EPOCH_LEAP_MAX) return false;
  const isKnown = leaderId !== NOBODY && endpoints.length > 0;
  if (epoch > election.leaderEpoch) {
    // A leader that cannot be reached is looked for among the bootstrap servers.
    if (isKnown) becomeFollower(turn, epoch, leaderId, endpoints);
    else becomeUnattached(turn, epoch, leaderId);
  } else if (epoch === election.leaderEpoch && isKnown && leaderId !== state.config.local.id) {
    const isNews = election.leaderId === NOBODY || endpoints.length > leaderEndpoints.length;
    if (isNews) becomeFollower(turn, epoch, leaderId, endpoints);
  }
  return true;
}

function isConsistentLeader(state: RaftState, leaderId: number, epoch: number): boolean {
  const { election, role, config } = state;
  if (leaderId === config.local.id) {
    const isOurs = role.name === "leader" || role.name === "resigned";
    return isOurs && epoch === election.leaderEpoch;
  }
  return (
    epoch !== election.leaderEpoch ||
    leaderId === NOBODY ||
    election.leaderId === NOBODY ||
    leaderId === election.leaderId
  );
}

/** What the message says, or else the voters: a leader without our listener could not be asked. */
export function endpointsOf(
  { quorum, config }: RaftState,
  leaderId: number,
  told: readonly VoterEndpoint[],
): readonly VoterEndpoint[] {
  const isReached = told.some(({ name }) => name === config.listener);
  return isReached ? told : (lastVoters(quorum).get(leaderId)?.endpoints ?? []);
}
