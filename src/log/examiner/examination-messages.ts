/**
 * What the loop and a thread say to each other of a batch. Its bytes lie in memory that both see,
 * used again for the next one: `input` is the loop's, `output` the thread's, and whoever has asked
 * or answered leaves its own alone until it hears of the other.
 */
import type { ExaminedBatch, InvalidBatch, KeptBatch } from "../record-examination.ts";

export interface ExaminationRequest {
  readonly input: SharedArrayBuffer;
  readonly size: number;
  readonly batch: ExaminedBatch;
}

export type ExaminationReply =
  | { readonly kind: "kept"; readonly kept: KeptBatch }
  | {
      readonly kind: "rewritten";
      readonly output: SharedArrayBuffer;
      readonly size: number;
      readonly temporaryBytes: number;
    }
  | { readonly kind: "invalid"; readonly invalid: InvalidBatch };
