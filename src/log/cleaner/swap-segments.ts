/**
 * A cleaned segment takes the place of those that it was made of.
 *
 *   00..0.log.cleaned              durable, nobody knows it; a start removes it
 *   00..0.log.swap                 it counts from now on: a start finishes what follows
 *   00..0.log.deleted, 00..5.log.deleted, ...       those that it replaces, one after the other
 *   00..0.log                      it has its name
 *
 * Readers go over to the new segment at once, in the turn in which it becomes `.swap`; those that
 * read an old one keep its file. Many renames take several turns: meanwhile whoever cuts the log
 * waits (`LogCleaner.pause`), and a log that is deleted is left as it is. A disk that refuses one
 * of them loses its directory, even if it is only full: with names of both kinds the log must not
 * go on, and a start finishes the exchange.
 */
import { Slices } from "../../base/slices.ts";
import type { LogState } from "../log-state.ts";
import { CLEANED_SUFFIX, SWAP_SUFFIX } from "../log-names.ts";
import { removeFilesLater, setAside } from "../log-truncate.ts";
import type { Segment } from "../segment.ts";

/**
 * The old names are durably gone when it resolves. Rejects with `DiskError`: nothing has changed
 * then, or the directory is offline.
 */
export async function swapSegments(
  state: LogState,
  replaced: readonly Segment[],
  size: number,
): Promise<void> {
  const cleaned = state.segmentAt(replaced[0]!.baseOffset, size, CLEANED_SUFFIX);
  cleaned.rename(SWAP_SUFFIX);
  state.segments.replace(replaced, cleaned);
  try {
    await giveNames(state, replaced, cleaned);
  } catch (error) {
    throw state.diskFailed(error);
  }
}

async function giveNames(
  state: LogState,
  replaced: readonly Segment[],
  cleaned: Segment,
): Promise<void> {
  const { host, place } = state;
  const { baseOffset } = cleaned;
  const snapshots: string[] = [];
  const slices = new Slices(host.clock);
  for (const segment of replaced) {
    // The snapshot at the base offset is that of the new segment, too.
    snapshots.push(...setAside(state, segment, segment.baseOffset !== baseOffset));
    if (!slices.isOver) continue;
    await slices.next();
    if (state.isSetAside || state.failure !== null) return;
  }
  cleaned.rename("");
  if (!state.isWarm) cleaned.coolDown();
  await host.disk.syncDirectory(place.directory);
  removeFilesLater(state, replaced, snapshots);
}
