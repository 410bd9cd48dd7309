/**
 * When nobody leads, and who stands for election first. Kafka's voters wait for a timeout each
 * time; here they ask each other earlier, one after the other, where something says that it is
 * time:
 *
 *   voters but for the former leader, by id:   first       second      third
 *   stand for election after                   0-50 ms     100-150     200-250
 *
 * It can disturb nobody: while a majority hears a leader, nobody gets its pre-votes (KIP-996).
 */
import { assert } from "../../base/assert.ts";
import { NOBODY } from "../quorum-state.ts";
import type { Turn } from "./effects.ts";
import type { ReplicaKey } from "./messages.ts";
import type { RaftState } from "./state.ts";
import { electionTimeout, isLocalVoter } from "./transitions.ts";
import { lastVoters } from "./voter-history.ts";

/** Enough for an election on one network. */
const TURN_MS = 100;
const CHANCE_MS = 50;

/**
 * The leader's node accepts no connection any more: its process has ended, as the kernel of its
 * machine says.
 */
export function leaderIsGone(turn: Turn, nodeId: number): void {
  const { state, nowMs } = turn;
  const { role, election } = state;
  const isLeader = role.name === "follower" && election.leaderId === nodeId;
  if (!isLeader || !isLocalVoter(state) || !state.config.isHasty) return;
  const delayMs = successionDelay(turn, nodeId);
  // Whoever asks for a pre-vote meanwhile gets it.
  role.hasFetched = false;
  role.fetchAtMs = Math.min(role.fetchAtMs, nowMs + delayMs);
}

/** When this voter, which has just come up, stands unless it hears of a leader. */
export function firstElection(turn: Turn): number {
  const { state, nowMs } = turn;
  const isSoon = state.config.isHasty && isLocalVoter(state);
  return nowMs + (isSoon ? successionDelay(turn, NOBODY) : electionTimeout(turn));
}

/** How long this voter leaves it to those before it; `formerId` does not stand. */
function successionDelay(turn: Turn, formerId: number): number {
  const { config } = turn.state;
  const heirs = heirsOf(turn.state, formerId);
  const index = heirs.findIndex(({ id }) => id === config.local.id);
  assert(index >= 0, "a voter has a place");
  const delayMs = index * TURN_MS + turn.below(CHANCE_MS);
  return Math.min(delayMs, electionTimeout(turn));
}

/** In the order in which they stand. */
export function heirsOf({ quorum, config }: RaftState, formerId: number): ReplicaKey[] {
  if (!config.isHasty) return [];
  return [...lastVoters(quorum).values()]
    .filter(({ id }) => id !== formerId)
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, directoryId }) => ({ id, directoryId }));
}
