/**
 * What a disk does to the log of a partition without a word: a bit of a batch is another, or a write
 * goes nowhere, or to another place. Whoever looks after the machine gives it an empty disk then.
 * What is not covered by a batch's checksum (its offset, its length, its epoch) nobody could tell.
 */
import { LOG_SUFFIX } from "../../../src/log/log-names.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import * as header from "../../../src/protocol/record-batch.ts";
import type { FakeRandom } from "../fake-random.ts";
import { METADATA_DIRECTORY } from "./cluster.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** Where a batch's checksum begins to cover it. */
const COVERED_FROM = 21;
const SECTOR = 512;

/** Returns the path; null where there is nothing to spoil. */
export function flipABit({ disk, member }: SimulatedNode, random: FakeRandom): string | null {
  const paths = member.directories.flatMap((directory) =>
    disk
      .peekNames(directory)
      .filter((name) => name !== METADATA_DIRECTORY && /-\d+$/.test(name))
      .flatMap((name) => disk.peekNames(`${directory}/${name}`).map((file) => `${name}/${file}`))
      .filter((file) => file.endsWith(LOG_SUFFIX))
      .map((file) => `${directory}/${file}`)
      .filter((path) => disk.peek(path)!.length > 0),
  );
  if (paths.length === 0) return null;
  const path = random.pick(paths);
  const bytes = disk.peek(path)!;
  const batches = batchesOf(bytes);
  if (batches.length === 0) return null;
  const { start, size } = random.pick(batches);
  const position = start + COVERED_FROM + random.below(size - COVERED_FROM);
  disk.flip(path, position, 1 << random.below(8));
  return path;
}

/** Those before anything that is none. */
function batchesOf(bytes: Buffer): { readonly start: number; readonly size: number }[] {
  const found: { start: number; size: number }[] = [];
  for (let start = 0; start < bytes.length; start += found.at(-1)!.size) {
    try {
      const size = header.nextBatchSize(bytes, start, bytes.length);
      if (size === 0) break;
      found.push({ start, size });
    } catch (error) {
      if (error instanceof ProtocolError) break;
      throw error;
    }
  }
  return found;
}

/**
 * The next write to such a log; not to the metadata's: a voter that forgets what it has voted for is
 * more than a quorum survives.
 */
export function misplaceAWrite({ disk }: SimulatedNode, random: FakeRandom): void {
  const path = random.pick([
    /\/(both|input|output)-\d+\/.*\.log$/,
    /\/__(consumer_offsets|transaction_state)-\d+\/0.*\.log$/,
  ]);
  disk.strayWrite = { path, back: random.chance(0.5) ? 0 : SECTOR };
}
