/** What the control records of snapshot and log say: kraft.version, and who votes. */
import type { ControlRecord } from "./control-record.ts";
import type { Snapshot } from "./snapshot-reader.ts";
import { type VoterSet, votersFrom } from "./voter-set.ts";

export class ControlState {
  kraftVersion = 0;
  /** Null while neither log nor snapshot names any: then the settings do. */
  voters: VoterSet | null = null;
  /** Where the log holds them; -1: only in the snapshot that format wrote. */
  votersOffset = -1;

  /** `endOffset` of the snapshot: its records count as the last one before it. */
  loadSnapshot(snapshot: Snapshot, endOffset: number): void {
    this.kraftVersion = snapshot.kraftVersion;
    this.voters = snapshot.voters;
    this.votersOffset = endOffset - 1;
  }

  /** `offset` is that of the record. */
  apply(record: ControlRecord, offset: number): void {
    if (record.name === "KRaftVersionRecord") this.kraftVersion = record.value.kRaftVersion;
    if (record.name !== "VotersRecord") return;
    this.voters = votersFrom(record.value);
    this.votersOffset = offset;
  }
}
