/**
 * What the members of one group were told, and what they have committed: who has a partition at
 * which epoch of the group (or generation), and between which moments each commit was under way.
 *
 *   commit a   |-------ok-------|
 *   commit b                       |--ok--|
 *   commit c      |------------------------------- no answer: done at any time, or never
 *   fetch                                    |----|  may tell b or c, and not a
 */
export class GroupAnomaly extends Error {}

export type CommitEnding = "ok" | "failed" | "unknown";

export interface Commit {
  readonly partition: string;
  readonly offset: number;
  readonly member: string;
  readonly epoch: number;
  readonly startTick: number;
  /** Infinity while no answer has come. */
  endTick: number;
  ending: CommitEnding;
}

interface Claim {
  readonly member: string;
  readonly epoch: number;
  readonly tick: number;
}

const NOTHING = -1;

export class GroupLedger {
  readonly #commits: Commit[] = [];
  /** By partition: who has it, in the newest epoch that anybody was told of. */
  readonly #claims = new Map<string, Claim>();
  #tick = 0;
  claimCount = 0;
  okCount = 0;

  /** A moment that is later than all before. */
  now(): number {
    return ++this.#tick;
  }

  /** It was told that it has `partition`, in the answer to what it asked at `askedTick`. */
  claim(member: string, epoch: number, partition: string, askedTick: number): void {
    this.claimCount++;
    const known = this.#claims.get(partition);
    if (known !== undefined && known.member !== member) {
      const both = `${known.member} has it in ${known.epoch}, and ${member} in ${epoch}`;
      const isLate = known.epoch > epoch && known.tick < askedTick;
      if (known.epoch === epoch || isLate) throw new GroupAnomaly(`${partition}: ${both}`);
    }
    if (known !== undefined && known.epoch > epoch) return;
    this.#claims.set(partition, { member, epoch, tick: this.now() });
  }

  begin(member: string, epoch: number, partition: string, offset: number): Commit {
    const startTick = this.now();
    const commit: Commit = {
      partition,
      offset,
      member,
      epoch,
      startTick,
      endTick: Infinity,
      ending: "unknown",
    };
    this.#commits.push(commit);
    return commit;
  }

  end(commit: Commit, ending: CommitEnding): void {
    commit.ending = ending;
    if (ending !== "ok") return;
    commit.endTick = this.now();
    this.okCount++;
    const { member, epoch, partition, startTick } = commit;
    const owner = this.#claims.get(partition);
    if (owner === undefined || owner.member === member || owner.epoch <= epoch) return;
    if (owner.tick > startTick) return;
    const detail = `${owner.member} has it in ${owner.epoch}, and ${member} commits in ${epoch}`;
    throw new GroupAnomaly(`${partition}: ${detail}`);
  }

  /** A coordinator said, asked at `askedTick`, that this is committed; -1: nothing is. */
  fetched(partition: string, offset: number, askedTick: number): void {
    const commits = this.#commits.filter((each) => each.partition === partition);
    const done = commits.filter((each) => each.ending === "ok" && each.endTick < askedTick);
    const lastStart = Math.max(0, ...done.map(({ startTick }) => startTick));
    if (offset === NOTHING && done.length === 0) return;
    const isPossible = commits.some(
      (each) => each.ending !== "failed" && each.offset === offset && each.endTick >= lastStart,
    );
    if (isPossible) return;
    const told = done.map((each) => each.offset).join(" ");
    throw new GroupAnomaly(`${partition}: ${offset} is committed, after ${told}`);
  }

  get partitions(): Set<string> {
    return new Set(this.#commits.map(({ partition }) => partition));
  }
}
