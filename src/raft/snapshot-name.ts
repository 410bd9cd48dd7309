/**
 * A snapshot holds what the log says up to, but not including, an offset:
 *
 *   %020d-%010d.checkpoint           end offset and the epoch of the record before it
 *   %020d-%010d-*.checkpoint.part    being written, or fetched from the leader
 *   %020d-%010d.checkpoint.deleted   to be removed, when nobody reads it any more
 */

export interface SnapshotId {
  readonly endOffset: number;
  readonly epoch: number;
}

export interface SnapshotName extends SnapshotId {
  readonly state: "complete" | "partial" | "deleted";
}

/** With --standalone, Kafka's format writes the first voters here; it is never sent to others. */
export const BOOTSTRAP_SNAPSHOT: SnapshotId = { endOffset: 0, epoch: 0 };

export function snapshotFileName(id: SnapshotId): string {
  return `${stem(id)}.checkpoint`;
}

export function partialSnapshotFileName(id: SnapshotId): string {
  return `${stem(id)}-0.checkpoint.part`;
}

/** Null for anything else in the directory. */
export function parseSnapshotName(name: string): SnapshotName | null {
  const parts = /^(\d{20})-(\d{10})(?:-[^.]*)?\.checkpoint(\.part|\.deleted)?$/.exec(name);
  if (parts === null) return null;
  const [, offset, epoch, suffix] = parts;
  const state = suffix === ".part" ? "partial" : suffix === ".deleted" ? "deleted" : "complete";
  return { endOffset: Number(offset), epoch: Number(epoch), state };
}

/** By epoch, then by offset: the later knows more. */
export function compareSnapshots(a: SnapshotId, b: SnapshotId): number {
  return a.epoch - b.epoch || a.endOffset - b.endOffset;
}

function stem({ endOffset, epoch }: SnapshotId): string {
  return `${String(endOffset).padStart(20, "0")}-${String(epoch).padStart(10, "0")}`;
}
