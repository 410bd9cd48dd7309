/** What is measured: a row of the table. */
import type { Contender } from "../contenders/contender.ts";
import type { Load } from "../load/load.ts";
import type { Parts } from "../results/figures.ts";

export interface Row {
  readonly name: string;
  /** Why a contender has no part in it; null if it has. */
  excludes(contender: Contender): string | null;
  /** Run to the end once: whatever it made is gone afterwards. */
  run(site: Site): Promise<Parts>;
}

/** Where and how much is measured. */
export interface Site {
  readonly contender: Contender;
  readonly load: Load;
  /** On the same disk as the data of the contenders. */
  readonly folder: string;
  /** How much of what a row says is written and read: less while warming up. */
  readonly scale: number;
  /** How long an open loop runs. */
  readonly seconds: number;
  /** How much the rows write that want more than there is memory. */
  readonly gigabytes: number;
}

export function onlyBrokers(contender: Contender): string | null {
  return contender.isFloor ? "it only takes records" : null;
}

export function everybody(): null {
  return null;
}
