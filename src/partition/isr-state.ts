/**
 * Who is in sync, as a leader may believe it (KIP-497).
 *
 *   committed --- propose ---> expanding | shrinking
 *       ^--- the controller's answer, or metadata ---'
 *
 * Until the controller has answered, the ISR may be the old or the proposed one. For the high
 * watermark all count that may be in it: the `maximal` ISR. One proposal is made at a time.
 */
import type { IsrProposal } from "./isr-changes.ts";

export interface IsrState {
  /** As it was committed last. */
  readonly isr: readonly number[];
  readonly maximal: readonly number[];
  /** What the controller has been asked for; null when the ISR is settled. */
  readonly proposal: IsrProposal | null;
}

export function committedIsr(isr: readonly number[]): IsrState {
  return { isr, maximal: isr, proposal: null };
}

/** Those who are added count at once: to wait for them too is safe, whatever the answer. */
export function expandingIsr(
  isr: readonly number[],
  added: number,
  proposal: IsrProposal,
): IsrState {
  return { isr, maximal: [...isr, added], proposal };
}

/** Those who are to go count until the controller has taken them out. */
export function shrinkingIsr(isr: readonly number[], proposal: IsrProposal): IsrState {
  return { isr, maximal: isr, proposal };
}
