/** What lies between the quorum and the layer above it. */
import type { FeedListener } from "./commit-feed.ts";
import type { SnapshotId } from "./snapshot-name.ts";
import type { Snapshot } from "./snapshot-reader.ts";

export interface RaftListener<Records> extends FeedListener<Records> {
  /** What it led is over; who waits for what it appended is told so afterwards. */
  resigned(): void;
  /** A snapshot stands for all that was committed before its end: the rest waits for it. */
  loadSnapshot(id: SnapshotId, snapshot: Snapshot): Promise<void>;
  /** Another node reads the log. */
  wasRead(): void;
  /** Nothing can be committed any more. */
  failed(error: unknown): void;
}

/** What is appended: a batch that has no place yet, and what the layer above made its values of. */
export interface NewBatch<Records> {
  readonly bytes: Buffer;
  readonly records: Records;
}
