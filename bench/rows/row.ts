/** What is measured: a row of the table. */
import type { Contender } from "../contenders/contender.ts";
import type { Profile } from "../kit/profile.ts";
import type { Load } from "../load/load.ts";
import type { Parts } from "../results/figures.ts";

export interface Row {
  /** "{gb}" in it stands for what `--gb` says. */
  readonly name: string;
  /** False where there is nothing to warm up. */
  readonly warmsUp?: boolean;
  /** Why a contender has no part in it; null if it has. */
  excludes(contender: Contender): string | null;
  /** Run to the end once: whatever it made is gone afterwards. */
  run(site: Site): Promise<Parts>;
}

/** Where and how much is measured. */
export interface Site {
  readonly contender: Contender;
  /** Another process like the contender's, in a folder of its own; whoever starts it stops it. */
  startAnother(options: { readonly isRestart: boolean }): Promise<Contender>;
  readonly load: Load;
  /** On the same disk as the data of the contenders. */
  readonly folder: string;
  /** How much of what a row says is written and read: less while warming up. */
  readonly scale: number;
  /** How long an open loop runs. */
  readonly seconds: number;
  /** How much the rows write that want more than there is memory. */
  readonly gigabytes: number;
  /** Of the topics: in how many nodes their records lie. */
  readonly replicationFactor: number;
  /** Starts a profile of the contender, where one was asked for. */
  profile(): Promise<Profile> | null;
}

export function onlyBrokers(contender: Contender): string | null {
  return contender.isFloor ? "it only takes records" : null;
}

/** Those whose processes and files are ours, and can be looked at. */
export function onlyOurs(contender: Contender): string | null {
  if (contender.isFloor) return onlyBrokers(contender);
  if (contender.dataDirectories.length === 0) return "it was not started here";
  if (contender.dataDirectories.length > 1) return "it is several processes";
  return contender.pids.length === 0 ? "this system has no /proc" : null;
}

export function everybody(): null {
  return null;
}
