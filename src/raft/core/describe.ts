/** DescribeQuorum (KIP-595, KIP-836): how far the leader's replicas are. */
import { observersOf } from "./leader.ts";
import type { RaftState, ReplicaProgress } from "./state.ts";

export interface QuorumDescription {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly ReplicaProgress[];
  readonly observers: readonly ReplicaProgress[];
}

/** Null: only the leader knows. It has always just read its own log. */
export function describeQuorum(state: RaftState, nowMs: number): QuorumDescription | null {
  const { role, election, config, log } = state;
  if (role.name !== "leader") return null;
  const { leaderId, leaderEpoch } = election;
  const own = { endOffset: log.endOffset, lastFetchAtMs: nowMs, lastCaughtUpAtMs: nowMs };
  return {
    leaderId,
    leaderEpoch,
    highWatermark: role.highWatermark,
    voters: role.voters.map((each) =>
      each.key.id === config.local.id ? { ...each, ...own } : each,
    ),
    observers: observersOf(role, nowMs),
  };
}
