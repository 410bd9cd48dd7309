/**
 * What lies between the assignment that a member has and the one that it shall have: partitions of
 * topics (KIP-848), or tasks of subtopologies (KIP-1071), by the id of either.
 */
import type { EpochPartitions } from "./consumer-member.ts";

export interface AssignmentDifference {
  readonly kept: Map<string, ReadonlyMap<number, number>>;
  readonly revoked: Map<string, ReadonlyMap<number, number>>;
  readonly added: Map<string, readonly number[]>;
  /** Some of what it shall have is not free. */
  hasUnreleased: boolean;
}

export function noDifference(): AssignmentDifference {
  return { kept: new Map(), revoked: new Map(), added: new Map(), hasUnreleased: false };
}

/** Adds what concerns one id. */
export function addDifference(
  difference: AssignmentDifference,
  id: string,
  current: ReadonlyMap<number, number> | undefined,
  wanted: readonly number[],
  isFree: (id: string, number: number) => boolean,
): void {
  const wantedSet = new Set(wanted);
  const kept = new Map<number, number>();
  const revoked = new Map<number, number>();
  for (const [number, epoch] of current ?? []) {
    (wantedSet.has(number) ? kept : revoked).set(number, epoch);
  }
  const added: number[] = [];
  for (const number of wanted) {
    if (kept.has(number)) continue;
    if (isFree(id, number)) added.push(number);
    else difference.hasUnreleased = true;
  }
  if (kept.size > 0) difference.kept.set(id, kept);
  if (revoked.size > 0) difference.revoked.set(id, revoked);
  if (added.length > 0) difference.added.set(id, added);
}

/** What is kept and what is added, with the epoch in which the member gets the latter. */
export function withAdded({ kept, added }: AssignmentDifference, epoch: number): EpochPartitions {
  const assigned = new Map(kept);
  for (const [id, numbers] of added) {
    const epochs = new Map(assigned.get(id));
    for (const number of numbers) epochs.set(number, epoch);
    assigned.set(id, epochs);
  }
  return assigned;
}
