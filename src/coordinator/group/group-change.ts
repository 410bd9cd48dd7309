/** What one request makes of a group of the consumer protocol: gathered first, then written. */
import type { Outcome } from "../outcome.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import type { GroupRecord } from "./group-records.ts";

export class GroupChange {
  readonly records: GroupRecord[] = [];
  /**
   * Whether the records may be spread over several batches where one cannot hold them. An
   * assignment of which the end is lost does no harm: its epoch is in its last record.
   */
  mayBeSpread = false;
  readonly #effects: ((group: ConsumerGroup) => void)[] = [];

  /** `group` may be one that is only about to come into being. */
  constructor(
    readonly groups: ConsumerGroups,
    readonly group: ConsumerGroup,
  ) {}

  /** Runs when the records are applied, on the group as it is then. */
  whenApplied(effect: (group: ConsumerGroup) => void): void {
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
