/** Batches that a leader sent, or that lie in the log: as the core sees them. */
import type { ControlRecord } from "./control-record.ts";
import type { Batch, QuorumFact } from "./core/log-state.ts";
import { nextBatchSize } from "../protocol/record-batch.ts";
import { type RaftBatch, readRaftBatch } from "./raft-batch.ts";
import { votersFrom } from "./voter-set.ts";

/** The payload of such a batch. */
export class FetchedBatch {
  constructor(
    readonly bytes: Buffer,
    readonly batch: RaftBatch,
  ) {}
}

/**
 * Copies what it keeps. The last may be cut short, as in any Fetch response: it is left out. Throws
 * `ProtocolError` for one that is damaged.
 */
export function fetchedBatches(records: Uint8Array | null): Batch[] {
  if (records === null || records.length === 0) return [];
  const bytes = Buffer.from(records);
  const batches: Batch[] = [];
  let at = 0;
  for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
    const batch = readRaftBatch(bytes, at);
    const payload = new FetchedBatch(bytes.subarray(at, at + size), batch);
    const { baseOffset, lastOffset, epoch } = batch;
    batches.push({ baseOffset, endOffset: lastOffset + 1, epoch, facts: factsOf(batch), payload });
  }
  return batches;
}

/** What the control records of a batch say of the quorum. */
export function factsOf({ controls, baseOffset }: RaftBatch): QuorumFact[] {
  return controls.flatMap((control, index) => factOf(control, baseOffset + index) ?? []);
}

function factOf(control: ControlRecord, offset: number): QuorumFact | null {
  if (control.name === "KRaftVersionRecord") {
    return { kind: "kraftVersion", offset, kraftVersion: control.value.kRaftVersion };
  }
  if (control.name !== "VotersRecord") return null;
  return { kind: "voters", offset, voters: votersFrom(control.value) };
}
