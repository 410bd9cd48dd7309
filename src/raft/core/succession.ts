/**
 * A leader whose node accepts no connection any more: its process has ended, as the kernel of its
 * machine says. Kafka's followers wait for their fetch timeout all the same; here they ask each
 * other at once, one after the other, whether it is time for another. Nobody who still hears the
 * leader grants that (KIP-996), so one who only lost its own way to it disturbs nobody.
 *
 *   voters but for the leader, by id:   first       second      third
 *   stand for election after            0-50 ms     100-150     200-250
 */
import type { Turn } from "./effects.ts";
import { isLocalVoter } from "./transitions.ts";
import { lastVoters } from "./voter-history.ts";

/** Enough for an election on one network. */
const TURN_MS = 100;
const CHANCE_MS = 50;

export function leaderIsGone(turn: Turn, nodeId: number): void {
  const { state, nowMs } = turn;
  const { role, election, config, quorum } = state;
  const isLeader = role.name === "follower" && election.leaderId === nodeId;
  if (!isLeader || !isLocalVoter(state)) return;
  const heirs = [...lastVoters(quorum).keys()].filter((id) => id !== nodeId);
  const index = heirs.toSorted((a, b) => a - b).indexOf(config.local.id);
  const delayMs = index * TURN_MS + turn.below(CHANCE_MS);
  // Whoever asks for a pre-vote meanwhile gets it.
  role.hasFetched = false;
  role.fetchAtMs = Math.min(role.fetchAtMs, nowMs + delayMs);
}
