/**
 * A bug that Kafka, or another that speaks its protocol, once had, as a change of the source that
 * undoes the one rule which keeps it away. The change is made while the module is read, in a
 * process of its own: the program itself knows nothing of it.
 */
import type { RunOptions } from "../cluster/run-seed.ts";

export interface Patch {
  /** Below the root of the repository. */
  readonly file: string;
  /** There once, or the bug has to be described anew. */
  readonly find: string;
  readonly replace: string;
}

export interface Bug {
  readonly name: string;
  /** Where it was had, or which rule it breaks. */
  readonly reference: string;
  readonly patches: readonly Patch[];
  /** It is caught within so many seeds. */
  readonly seedsMax: number;
  readonly hunt: Hunt;
}

export type Hunt =
  /** The pure core alone: test/raft/core/simulation.ts. */
  | { readonly ground: "raft"; readonly steps: number }
  /** Whole nodes: test/sim/cluster. */
  | { readonly ground: "cluster"; readonly options: Omit<RunOptions, "seed"> };
