import type { LoopProbe } from "../kit/loop-probe.ts";

/** Who is measured: a broker, or the floor, as a process of its own wherever we start it. */
export interface Contender {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Of its nodes; none for a broker of somebody else: its CPU and memory are not known then. */
  readonly pids: readonly number[];
  /** Of each node; none where they are not known. */
  readonly dataDirectories: readonly string[];
  /** The floor answers plain Produce requests and nothing else. */
  readonly isFloor: boolean;
  /** Of `performance.now()`, when the process was asked for. */
  readonly startedMs: number;
  /** What it says of its loop, where it has a probe. */
  readonly loop?: LoopProbe | null;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  /** Its own; emptied first. */
  readonly folder: string;
  /** More lines of settings, for brokers. */
  readonly settings: readonly string[];
  /** On what the last one left in the folder. */
  readonly isRestart?: boolean;
}

export type Start = (options: ContenderOptions) => Promise<Contender>;
