/**
 * Members of groups: each lives through the deaths of its coordinator, and commits how far it is in
 * the partitions that it was given, and in no others. What they see must fit (group-ledger.ts).
 */
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { Actor, PARTITIONS, type Role, TOPIC } from "./actors.ts";
import type { Commit, CommitEnding, GroupLedger } from "./group-ledger.ts";
import { retried, Unanswered, type Wire } from "./wire.ts";

/** Nothing was written, and nothing will be. */
const CERTAIN: ReadonlySet<number> = new Set([
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]);
const STEP_MAX = 5;

export abstract class GroupMember extends Actor {
  /** Of the group, or its generation; 0 while it is in none. */
  protected epoch = 0;
  protected memberId = "";
  /** By partition: how far it is; null until it knows. */
  protected readonly owned = new Map<number, number | null>();

  constructor(
    role: Role,
    protected readonly group: string,
    protected readonly ledger: GroupLedger,
  ) {
    super(role);
  }

  protected async step(): Promise<void> {
    try {
      await this.live();
      await this.#work();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  /** Says that it lives, and learns what it has. */
  protected abstract live(): Promise<void>;

  /** It was told so in the answer to what it asked at `askedTick`. */
  protected takes(partitions: readonly number[], askedTick: number): void {
    for (const partition of [...this.owned.keys()]) {
      if (!partitions.includes(partition)) this.owned.delete(partition);
    }
    for (const partition of partitions) {
      this.ledger.claim(this.memberId, this.epoch, placeOf(partition), askedTick);
      if (!this.owned.has(partition)) this.owned.set(partition, null);
    }
  }

  protected losesAll(): void {
    this.owned.clear();
  }

  async #work(): Promise<void> {
    if (this.owned.size === 0) return;
    const partition = this.random.pick([...this.owned.keys()]);
    const position = this.owned.get(partition) ?? null;
    if (position === null) {
      const askedTick = this.ledger.now();
      const offset = await committedIn(this.wire, this.group, partition);
      if (offset === null) return;
      this.ledger.fetched(placeOf(partition), offset, askedTick);
      this.owned.set(partition, Math.max(0, offset));
      return;
    }
    await this.#commit(partition, position + 1 + this.random.below(STEP_MAX));
  }

  async #commit(partition: number, offset: number): Promise<void> {
    const { ledger, memberId, epoch, group } = this;
    const commit = ledger.begin(memberId, epoch, placeOf(partition), offset);
    const answer = await this.wire.ask(offsetCommit, 9, {
      groupId: group,
      memberId,
      generationIdOrMemberEpoch: epoch,
      topics: [
        {
          name: TOPIC,
          partitions: [
            { partitionIndex: partition, committedOffset: offset, committedMetadata: "" },
          ],
        },
      ],
    });
    this.#ended(commit, answer.topics[0]!.partitions[0]!.errorCode);
    if (commit.ending === "ok") this.owned.set(partition, offset);
    // Whoever is not sure asks again before it goes on.
    else if (this.owned.has(partition)) this.owned.set(partition, null);
  }

  #ended(commit: Commit, errorCode: number): void {
    const isCertain = CERTAIN.has(errorCode);
    const ending: CommitEnding = isCertain ? "failed" : "unknown";
    this.ledger.end(commit, errorCode === ErrorCode.NONE ? "ok" : ending);
  }
}

/** All is well, and nobody commits any more: what was committed is there. */
export async function checkCommitted(wire: Wire, group: string, ledger: GroupLedger) {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const askedTick = ledger.now();
    const { answer } = await retried(
      wire,
      `OffsetFetch of ${group}`,
      () => wire.ask(offsetFetch, 8, requestOf(group, partition)),
      ({ groups }) => groups[0]!.errorCode || groups[0]!.topics[0]!.partitions[0]!.errorCode,
    );
    const found = answer.groups[0]!.topics[0]!.partitions[0]!;
    ledger.fetched(placeOf(partition), found.committedOffset, askedTick);
  }
}

/** Null where nobody can say now. */
async function committedIn(wire: Wire, group: string, partition: number): Promise<number | null> {
  const answer = await wire.ask(offsetFetch, 8, requestOf(group, partition));
  const [found] = answer.groups;
  const offset = found!.topics[0]?.partitions[0];
  if (found!.errorCode !== ErrorCode.NONE || offset === undefined) return null;
  return offset.errorCode === ErrorCode.NONE ? offset.committedOffset : null;
}

function requestOf(groupId: string, partition: number) {
  const topics = [{ name: TOPIC, partitionIndexes: [partition] }];
  return { groups: [{ groupId, topics }], requireStable: true };
}

export function placeOf(partition: number): string {
  return `${TOPIC}-${partition}`;
}
