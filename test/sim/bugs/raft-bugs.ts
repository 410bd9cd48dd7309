/** Bugs of quorums, undone rules of src/raft/core. */
import type { SourceEdit } from "../../source-faults.ts";
import type { Bug } from "./bug.ts";

const CORE = "src/raft/core";

export const RAFT_BUGS: readonly Bug[] = [
  raftBug("vote-not-persisted", "Raft 5.2, KIP-595: a vote is on disk before it is told", [
    {
      file: `${CORE}/transitions.ts`,
      find: `  effects.push({ kind: "persist", election, kraftVersion, voterIds });
  const { leaderEpoch, leaderId } = election;`,
      replace: `  if (election.votedId === NOBODY || election.votedId === state.config.local.id)
    effects.push({ kind: "persist", election, kraftVersion, voterIds });
  const { leaderEpoch, leaderId } = election;`,
    },
  ]),
  raftBug("votes-twice-in-an-epoch", "Raft 5.2: one vote an epoch", [
    {
      file: `${CORE}/votes.ts`,
      find: `      if (election.votedId !== NOBODY) return isVotedFor(election, key);\n`,
      replace: "",
    },
  ]),
  raftBug("votes-for-an-old-log", "Raft 5.4.1: who votes compares the logs", [
    {
      file: `${CORE}/log-state.ts`,
      find: `  return compareSnapshots(end, { endOffset: log.endOffset, epoch: lastEpoch(log) }) >= 0;`,
      replace: `  return end.endOffset >= 0 || log.endOffset >= 0;`,
    },
  ]),
  raftBug("votes-by-length-alone", "KIP-101 in the vote: a longer log of an older epoch wins", [
    {
      file: `${CORE}/log-state.ts`,
      find: `  return compareSnapshots(end, { endOffset: log.endOffset, epoch: lastEpoch(log) }) >= 0;`,
      replace: `  return end.endOffset >= log.endOffset;`,
    },
  ]),
  raftBug("counts-records-of-older-epochs", "Raft 5.4.2, figure 8", [
    {
      file: `${CORE}/leader.ts`,
      find: `if (committed <= role.epochStartOffset || committed <= role.highWatermark) return;`,
      replace: `if (committed <= role.highWatermark) return;`,
    },
  ]),
  raftBug("commits-with-a-minority", "the majority of four is three", [
    {
      file: `${CORE}/leader.ts`,
      find: `ends[Math.floor(ends.length / 2)] ?? -1`,
      replace: `ends[Math.floor((ends.length - 1) / 2)] ?? -1`,
    },
  ]),
  raftBug("leader-counts-what-it-has-not-flushed", "KAFKA-12607: committed is what is flushed", [
    {
      file: `${CORE}/leader.ts`,
      find: `if (own !== undefined) own.endOffset = log.flushedOffset;`,
      replace: `if (own !== undefined) own.endOffset = log.endOffset;`,
    },
  ]),
  raftBug("follower-fetches-before-it-has-flushed", "KIP-595: a Fetch says what is on disk", [
    {
      file: `${CORE}/poll.ts`,
      find: `  return log.flushedOffset === log.endOffset;`,
      replace: `  return log.flushedOffset <= log.endOffset;`,
    },
    {
      file: `${CORE}/poll.ts`,
      find: `  const { endOffset, epoch } = flushedEnd(log);
  return {
    kind: "fetch",`,
      replace: `  const { endOffset, epoch } = flushedEnd({ ...log, flushedOffset: log.endOffset });
  return {
    kind: "fetch",`,
    },
  ]),
  raftBug("leader-does-not-compare-epochs", "KIP-101: logs of equal length need not be equal", [
    {
      file: `${CORE}/log-state.ts`,
      find: `  if (end.epoch !== epoch || end.endOffset < offset) return { kind: "diverging", at: end };`,
      replace: `  if (log.endOffset < offset) return { kind: "diverging", at: end };`,
    },
  ]),
  raftBug("follower-cuts-where-the-leader-ends", "KIP-279: the follower's own epochs count, too", [
    {
      file: `${CORE}/log-state.ts`,
      find: `  if (local.epoch !== diverging.epoch) return local.endOffset;`,
      replace: `  if (local.epoch !== diverging.epoch) return Math.min(log.endOffset, diverging.endOffset);`,
    },
  ]),
  raftBug("old-leader-goes-on-after-a-crash", "KIP-595: a leader comes back resigned", [
    {
      file: `${CORE}/raft-core.ts`,
      find: `  } else if (election.leaderId === local.id) {
    const unacknowledged = [...voters.keys()].filter((id) => id !== local.id);
    // What they have is not known here: each is voted for as far as its log allows.
    const preferredCandidates = heirsOf(state, local.id);
    state.role = { name: "resigned", electionAtMs, unacknowledged, preferredCandidates };
  } else if`,
      replace: `  } else if (election.leaderId === local.id) {
    stand(turn);
  } else if`,
    },
  ]),
  raftBug("two-changes-of-voters-at-once", "KIP-853, Ongaro 2015: one change, and in this epoch", [
    {
      file: `${CORE}/voter-changes.ts`,
      find: `  if (isChangePending(role)) {
    return late(`,
      replace: `  if (isChangePending(role) && role.voters.length < 2) {
    return late(`,
    },
    {
      file: `${CORE}/voter-changes.ts`,
      find: `  if (committedVoters(state, role) !== null) return null;`,
      replace: `  if (role.voters.length > 1) return null;`,
    },
    {
      file: `${CORE}/voter-changes.ts`,
      find: `  if (role.highWatermark < 0) {
    return late(`,
      replace: `  if (role.highWatermark < 0 && role.voters.length < 2) {
    return late(`,
    },
  ]),
];

function raftBug(name: string, reference: string, edits: readonly SourceEdit[]): Bug {
  const hunt = { ground: "raft", steps: 1500 } as const;
  return { name: `raft-${name}`, reference, edits, seedsMax: 600, hunt };
}
