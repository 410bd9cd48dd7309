/**
 * Who votes, and which level of kraft.version counts, as the log says it: from the offset of its
 * record on, committed or not, and as long as that record is not truncated away (KIP-853).
 */
import type { ReplicaKey } from "./messages.ts";
import { type VoterSet, isVoter } from "../voter-set.ts";
import type { QuorumFact } from "./log-state.ts";

export interface VoterHistory {
  /** controller.quorum.voters: they count while the log names none. */
  readonly staticVoters: VoterSet;
  /** By offset. Those of the snapshot have the offset of the last record before its end. */
  facts: readonly QuorumFact[];
}

export interface VotersEntry {
  readonly offset: number;
  readonly voters: VoterSet;
}

/** Null while neither log nor snapshot names any. */
export function lastVotersEntry({ facts }: VoterHistory): VotersEntry | null {
  for (let index = facts.length - 1; index >= 0; index--) {
    const fact = facts[index]!;
    if (fact.kind === "voters") return fact;
  }
  return null;
}

export function lastVoters(history: VoterHistory): VoterSet {
  return lastVotersEntry(history)?.voters ?? history.staticVoters;
}

export function lastKraftVersion({ facts }: VoterHistory): number {
  for (let index = facts.length - 1; index >= 0; index--) {
    const fact = facts[index]!;
    if (fact.kind === "kraftVersion") return fact.kraftVersion;
  }
  return 0;
}

export function addFacts(history: VoterHistory, facts: readonly QuorumFact[]): void {
  if (facts.length > 0) history.facts = [...history.facts, ...facts];
}

/** The log was truncated to `endOffset`: what it said behind that was never said. */
export function dropFactsFrom(history: VoterHistory, endOffset: number): void {
  if (history.facts.every(({ offset }) => offset < endOffset)) return;
  history.facts = history.facts.filter(({ offset }) => offset < endOffset);
}

/** Nobody asks for what was true before the log's start. */
export function dropOldFacts(history: VoterHistory, startOffset: number): void {
  const { facts } = history;
  history.facts = facts.filter((fact, index) => {
    if (fact.offset >= startOffset) return true;
    const next = facts.find((each, at) => at > index && each.kind === fact.kind);
    return next === undefined || next.offset >= startOffset;
  });
}

export function isVoterKey(voters: VoterSet, { id, directoryId }: ReplicaKey): boolean {
  return isVoter(voters, id, directoryId);
}
