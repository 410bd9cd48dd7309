/**
 * A bug that Kafka, or another that speaks its protocol, once had, as a change of the source that
 * undoes the one rule which keeps it away. See source-faults.ts: the program itself knows nothing of
 * it.
 */
import type { SourceFault } from "../../source-faults.ts";
import type { RunOptions } from "../cluster/run-seed.ts";

export interface Bug extends SourceFault {
  /** Where it was had, or which rule it breaks. */
  readonly reference: string;
  /** It is caught within so many seeds. */
  readonly seedsMax: number;
  readonly hunt: Hunt;
}

export type Hunt =
  /** The pure core alone: test/raft/core/simulation.ts. */
  | { readonly ground: "raft"; readonly steps: number }
  /** Whole nodes: test/sim/cluster. */
  | { readonly ground: "cluster"; readonly options: Omit<RunOptions, "seed"> };
