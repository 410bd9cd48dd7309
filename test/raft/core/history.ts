/**
 * What has ever been true in a cluster, and the invariants of Raft over it:
 * - an epoch has at most one leader, and a replica votes for one in an epoch;
 * - two logs that have a record of the same offset and epoch are equal up to it;
 * - what is committed at an offset is never another; every later leader has it;
 * - the high watermark of a running replica never falls, and covers only what is committed.
 */
import { expect } from "bun:test";
import type { QuorumState } from "../../../src/raft/quorum-state.ts";
import type { VoteRequest } from "../../../src/raft/core/messages.ts";
import { lastVoters } from "../../../src/raft/core/voter-history.ts";
import type { Batch, QuorumFact } from "../../../src/raft/core/log-state.ts";
import type { RaftState } from "../../../src/raft/core/state.ts";
import type { Cluster, DiskLog, TestNode } from "./cluster.ts";

export class History {
  /** By epoch. */
  leaders: Readonly<Record<number, number>> = {};
  /** By replica, and epoch. */
  votes: Readonly<Record<string, string>> = {};
  committedBatches: readonly Batch[] = [];

  clone(): History {
    const copy = new History();
    copy.leaders = this.leaders;
    copy.votes = this.votes;
    copy.committedBatches = this.committedBatches;
    return copy;
  }

  get committedEnd(): number {
    return this.committedBatches.at(-1)?.endOffset ?? 0;
  }

  elected(id: number, { leaderEpoch, votedId, votedDirectoryId }: QuorumState): void {
    if (votedId < 0) return;
    const key = `${id}@${leaderEpoch}`;
    const vote = `${votedId}/${votedDirectoryId}`;
    const before = this.votes[key];
    if (before === vote) return;
    expect(`${key} votes for ${before ?? vote}`).toBe(`${key} votes for ${vote}`);
    this.votes = { ...this.votes, [key]: vote };
  }

  leads(cluster: Cluster, id: number, change: { epoch: number; leaderId: number }): void {
    const { epoch, leaderId } = change;
    if (leaderId < 0) return;
    const before = this.leaders[epoch];
    if (before === undefined) this.leaders = { ...this.leaders, [epoch]: leaderId };
    else expect(`${epoch} is led by ${before}`).toBe(`${epoch} is led by ${leaderId}`);
    if (leaderId !== id) return;
    // Leader completeness: whatever was ever committed is in its log, or in its snapshot.
    const held = heldBatches(cluster.node(id));
    expectPrefix(this.committedBatches, held, `leader ${id} of ${epoch} has what is committed`);
  }

  committed(node: TestNode, offset: number): void {
    const known = this.committedBatches;
    const held = heldBatches(node).filter((each) => each.endOffset <= offset);
    const [shorter, longer] = held.length < known.length ? [held, known] : [known, held];
    expectPrefix(shorter, longer, `node ${node.config.local.id} commits the same up to ${offset}`);
    if (held.length <= known.length) return;
    this.committedBatches = held;
  }

  /** What a leader commits is what a majority of the voters has after a loss of power of them all. */
  expectOnDisks(cluster: Cluster, leaderId: number, offset: number): void {
    const { quorum } = cluster.state(leaderId);
    const voters = [...lastVoters(quorum).keys()];
    const last = heldBatches(cluster.node(leaderId)).find(({ endOffset }) => endOffset === offset);
    const having = voters.filter((id) => {
      const { startOffset, batches } = cluster.node(id).synced;
      return startOffset >= offset || batches.some((batch) => isSame(batch, last));
    });
    if (having.length > voters.length / 2) return;
    throw new Error(`${leaderId} commits up to ${offset}, which only ${having} of ${voters} have`);
  }

  /** By a response: the disk has it by then. */
  voteTold(id: number, election: QuorumState | null, request: VoteRequest): void {
    const { replicaId, replicaEpoch } = request;
    const { leaderEpoch = 0, votedId = -1 } = election ?? {};
    if (leaderEpoch > replicaEpoch || (leaderEpoch === replicaEpoch && votedId === replicaId))
      return;
    const known = `its disk knows of ${votedId} in epoch ${leaderEpoch}`;
    throw new Error(`${id} tells ${replicaId} of its vote in epoch ${replicaEpoch}, and ${known}`);
  }

  /** Of the logs as they are. */
  check(cluster: Cluster): void {
    const held = [...cluster.nodes.values()].map(heldBatches);
    for (let a = 0; a < held.length; a++) {
      for (let b = a + 1; b < held.length; b++) expectMatching(held[a]!, held[b]!);
    }
    for (const { state, log } of cluster.nodes.values()) {
      if (state === null) continue;
      if (state.loadingSnapshot === null) expectFactsOfLog(state, log);
      const end = log.batches.at(-1)?.endOffset ?? log.startOffset;
      const view = state.log;
      if (view.endOffset !== end && state.loadingSnapshot === null) {
        throw new Error(`the core takes the log's end for ${view.endOffset}, and it is ${end}`);
      }
      if (view.highWatermark > this.committedEnd) {
        throw new Error(`high watermark ${view.highWatermark} above all that is committed`);
      }
    }
  }
}

/** Who votes is what the log says last, also when it was truncated. */
function expectFactsOfLog({ quorum, log: view }: RaftState, log: DiskLog): void {
  const said = log.batches.flatMap((batch) => batch.facts).findLast(isAboutVoters);
  const known = quorum.facts.findLast(isAboutVoters);
  // Those of a snapshot count as its last record.
  const end = view.snapshots.at(-1)?.endOffset ?? 0;
  const isOld = said === undefined && (known?.offset ?? -1) < end;
  if (isOld || said?.voters === known?.voters) return;
  throw new Error("the voters are not those of the log");
}

function isAboutVoters(fact: QuorumFact): fact is QuorumFact & { readonly kind: "voters" } {
  return fact.kind === "voters";
}

/** What a replica has, in snapshot and log. */
export function heldBatches({ snapshots, log }: TestNode): readonly Batch[] {
  const before = (snapshots.at(-1)?.batches ?? []).filter(
    ({ endOffset }) => endOffset <= log.startOffset,
  );
  return before.length === 0 ? log.batches : [...before, ...log.batches];
}

function expectPrefix(shorter: readonly Batch[], longer: readonly Batch[], what: string): void {
  for (const [index, batch] of shorter.entries()) {
    if (isSame(batch, longer[index])) continue;
    throw new Error(`${what}: ${text(batch)} is ${text(longer[index])}`);
  }
}

function expectMatching(a: readonly Batch[], b: readonly Batch[]): void {
  let last = Math.min(a.length, b.length) - 1;
  while (
    last >= 0 &&
    !(a[last]!.epoch === b[last]!.epoch && a[last]!.endOffset === b[last]!.endOffset)
  )
    last--;
  for (let index = 0; index <= last; index++) {
    if (isSame(a[index]!, b[index])) continue;
    throw new Error(`logs differ below a common record: ${text(a[index])} and ${text(b[index])}`);
  }
}

function isSame(a: Batch, b: Batch | undefined): boolean {
  if (a === b) return true;
  if (b === undefined) return false;
  return (
    a.baseOffset === b.baseOffset &&
    a.endOffset === b.endOffset &&
    a.epoch === b.epoch &&
    a.payload === b.payload
  );
}

function text(batch: Batch | undefined): string {
  if (batch === undefined) return "missing";
  return `${batch.baseOffset}-${batch.endOffset}@${batch.epoch} ${String(batch.payload)}`;
}
