/**
 * What the loop and a cleaner's thread say to each other. The loop asks for one piece of work after
 * the other, so that it can pause, throttle or end a pass between any two.
 *
 *   begin      what is to be cleaned                      -> an empty offset map
 *   index      the next piece of the dirty part           -> keys in the map
 *   plan       all segments of the pass                   -> which go together into one
 *   rewrite    one group of them                          -> empty .cleaned files
 *   copy       the next piece of the group                -> what is left of it, behind
 *   end        the pass is over, or was given up          -> left-over .cleaned files are removed
 */
import type { AbortedTransaction } from "../transaction-index.ts";
import type { LastRecord } from "./batch-filter.ts";
import type { HashKey } from "./key-hash.ts";

export interface PassBegin {
  readonly kind: "begin";
  readonly directory: string;
  /** Of the offset map. */
  readonly mapBytesMax: number;
  readonly mapLoadFactor: number;
  readonly hashKey: HashKey;
  /** Bytes read at once; a larger batch is read all the same. */
  readonly bufferBytes: number;
  readonly batchBytesMax: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** The first dirty offset, and where the part ends that may be cleaned. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly dirty: readonly DirtySegment[];
  readonly aborted: readonly AbortedTransaction[];
}

export interface DirtySegment {
  readonly baseOffset: number;
  readonly size: number;
  /** Where the first dirty offset is looked for. */
  readonly position: number;
  /** Of the one behind it, or where the part ends. */
  readonly nextBaseOffset: number;
}

export interface PassPlan {
  readonly kind: "plan";
  readonly segments: readonly { readonly baseOffset: number; readonly size: number }[];
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
}

export interface GroupRewrite {
  readonly kind: "rewrite";
  readonly sources: readonly GroupSource[];
  readonly lastRecords: readonly LastRecord[];
  readonly indexIntervalBytes: number;
  readonly segmentBytes: number;
}

export interface GroupSource {
  readonly baseOffset: number;
  readonly size: number;
  readonly aborted: readonly AbortedTransaction[];
}

export type PassRequest =
  | PassBegin
  | { readonly kind: "index"; readonly bytesMax: number }
  | PassPlan
  | GroupRewrite
  | { readonly kind: "copy"; readonly bytesMax: number }
  | { readonly kind: "end" };

export type PassReply =
  | { readonly kind: "done" }
  | {
      readonly kind: "indexed";
      readonly bytesRead: number;
      readonly isComplete: boolean;
      /** Once it is complete: all before it is in the map. */
      readonly endOffset: number;
      readonly recordsRead: number;
      readonly mapUtilization: number;
    }
  /** How many segments are in each group, in order. */
  | { readonly kind: "planned"; readonly groupSizes: readonly number[] }
  | {
      readonly kind: "copied";
      readonly bytesRead: number;
      readonly bytesWritten: number;
      readonly isComplete: boolean;
      /** Once it is complete: of the new segment. */
      readonly size: number;
      readonly recordsRead: number;
      readonly recordsKept: number;
      readonly keylessRecords: number;
    }
  /** The log has a batch that cannot be understood: it is left as it is. */
  | { readonly kind: "damaged"; readonly message: string };
