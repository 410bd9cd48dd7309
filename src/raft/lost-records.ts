/**
 * Whether a metadata log has lost records that were committed. Recovery cuts a log off where it is
 * damaged, and rightly so at its end, which a crash may tear: nobody was told of those records. But
 * a disk that rots in the middle would take topics away with all that came after them, and a quorum
 * of one has nobody to get them back from. So before recovery changes anything, two proofs are
 * looked for that what is missing was once committed:
 *
 *   a producer snapshot that is not at a segment's start, as a clean stop and a start leave at the
 *   log's end, once all before it is flushed:
 *      [ batches .......x.............]  00..42.snapshot    the log ends at 30: 12 records are gone
 *   a whole batch behind the damage, of a later epoch than what is damaged: when its epoch began,
 *   all before it was read and found good:
 *      [ batches of epoch 3 ....x.....][ batch of epoch 4 ]
 */
import type { Disk } from "../base/world.ts";
import { scanBatches } from "../log/batch-scan.ts";
import {
  LOG_SUFFIX,
  offsetOfFileName,
  segmentFileName,
  SNAPSHOT_SUFFIX,
} from "../log/log-names.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import {
  BATCH_HEADER_SIZE,
  baseOffset,
  batchSize,
  CURRENT_MAGIC,
  isIntact,
  lastOffset,
  magic,
  partitionLeaderEpoch,
} from "../protocol/record-batch.ts";
import { parseSnapshotName } from "./snapshot-name.ts";

/** Throws `ProtocolError`, with one line that says what to do. */
export async function refuseLostRecords(disk: Disk, directory: string): Promise<void> {
  if (disk.status(directory)?.isDirectory !== true) return;
  const names = disk.list(directory);
  const bases = offsetsOf(names, LOG_SUFFIX);
  const walk = await walkLog(disk, directory, bases);
  const { damage } = walk;
  const found = Math.max(walk.endOffset, latestSnapshot(names));
  const stopped = offsetsOf(names, SNAPSHOT_SUFFIX).filter((offset) => !bases.includes(offset));
  const promised = stopped.at(-1) ?? 0;
  const where = damage === null ? "" : `, damaged at position ${damage.position} of ${damage.path}`;
  if (found < promised) {
    throw new ProtocolError(
      `${directory} ends at offset ${found}${where}, but ended at ${promised} ` +
        "when it was closed: restore it from a copy, or remove " +
        `${segmentFileName(promised, SNAPSHOT_SUFFIX)} to go on with what is left`,
    );
  }
  if (damage === null || !damage.isBeforeLaterEpoch) return;
  throw new ProtocolError(
    `${directory} is damaged at position ${damage.position} of ${damage.path}, before records ` +
      "that are whole: restore it from a copy, or cut that file off there to go on with " +
      "what is left",
  );
}

interface Damage {
  readonly path: string;
  readonly position: number;
  readonly isBeforeLaterEpoch: boolean;
}

interface Walk {
  /** Behind the last batch that follows the ones before it without a gap. */
  readonly endOffset: number;
  readonly damage: Damage | null;
}

async function walkLog(disk: Disk, directory: string, bases: readonly number[]): Promise<Walk> {
  const paths = bases.map((base) => `${directory}/${segmentFileName(base, LOG_SUFFIX)}`);
  let endOffset = bases[0] ?? 0;
  let epoch = 0;
  for (const [index, path] of paths.entries()) {
    const file = disk.open(path, "read");
    try {
      const size = file.size();
      const position = await scanBatches(file, 0, size, (bytes, at) => {
        if (!isIntact(bytes, at) || baseOffset(bytes, at) !== endOffset) return false;
        if (partitionLeaderEpoch(bytes, at) < epoch) return false;
        endOffset = lastOffset(bytes, at) + 1;
        epoch = partitionLeaderEpoch(bytes, at);
        return true;
      });
      if (position === size) continue;
      const rest = [disk.readWhole(path).subarray(position)];
      for (const later of paths.slice(index + 1)) rest.push(disk.readWhole(later));
      const damagedEpoch = epochOfDamaged(rest[0]!, endOffset) ?? epoch + 1;
      const isBeforeLaterEpoch = rest.some((bytes) => hasBatchAfter(bytes, damagedEpoch));
      return { endOffset, damage: { path, position, isBeforeLaterEpoch } };
    } finally {
      file.close();
    }
  }
  return { endOffset, damage: null };
}

/** What the damaged batch says, if it says anything; it may be the first of an epoch. */
function epochOfDamaged(bytes: Buffer, offset: number): number | null {
  if (bytes.length < BATCH_HEADER_SIZE) return null;
  const isHeader = magic(bytes, 0) === CURRENT_MAGIC && baseOffset(bytes, 0) === offset;
  return isHeader ? partitionLeaderEpoch(bytes, 0) : null;
}

/** Anywhere among the bytes: where a size is damaged, nobody knows where the next batch begins. */
function hasBatchAfter(bytes: Buffer, epoch: number): boolean {
  for (let at = 0; at + BATCH_HEADER_SIZE <= bytes.length; at++) {
    if (magic(bytes, at) !== CURRENT_MAGIC || partitionLeaderEpoch(bytes, at) <= epoch) continue;
    const size = batchSize(bytes, at);
    const isWhole = size >= BATCH_HEADER_SIZE && at + size <= bytes.length;
    if (isWhole && isIntact(bytes, at)) return true;
  }
  return false;
}

/** Ascending. */
function offsetsOf(names: readonly string[], suffix: string): number[] {
  return names
    .filter((name) => name.slice(20) === suffix && offsetOfFileName(name) >= 0)
    .map(offsetOfFileName)
    .sort((left, right) => left - right);
}

/** Where the newest complete snapshot of the metadata ends: it stands for all before it. */
function latestSnapshot(names: readonly string[]): number {
  const snapshots = names.map(parseSnapshotName).filter((each) => each?.state === "complete");
  return Math.max(0, ...snapshots.map((each) => each?.endOffset ?? 0));
}
