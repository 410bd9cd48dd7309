/** What one request makes of a group with epochs: gathered first, then written. */
import type { Outcome } from "../outcome.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import type { GroupRecord } from "./group-records.ts";

/** The groups of one protocol in a shard, by id. */
export interface GroupTable<G> {
  get(groupId: string): G | undefined;
}

/** Of the consumer protocol, where nothing else is said. */
export class GroupChange<
  G extends { readonly groupId: string } = ConsumerGroup,
  S extends GroupTable<G> = ConsumerGroups & GroupTable<G>,
> {
  readonly records: GroupRecord[] = [];
  /**
   * Whether the records may be spread over several batches where one cannot hold them. An
   * assignment of which the end is lost does no harm: its epoch is in its last record.
   */
  mayBeSpread = false;
  readonly #effects: ((group: G) => void)[] = [];

  /** `group` may be one that is only about to come into being. */
  constructor(
    readonly groups: S,
    readonly group: G,
  ) {}

  /** Runs when the records are applied, on the group as it is then. */
  whenApplied(effect: (group: G) => void): void {
    this.#effects.push(effect);
  }

  outcome<T>(response: T | Promise<T>): Outcome<GroupRecord, T> {
    return {
      records: this.records,
      isAtomic: !this.mayBeSpread,
      applied: () => this.runEffects(),
      response,
    };
  }

  runEffects(): void {
    const group = this.groups.get(this.group.groupId);
    if (group === undefined) return;
    for (const effect of this.#effects) effect(group);
  }
}
