/**
 * Files that were being exchanged or removed when the node stopped.
 *
 *   .deleted   on their way out: removed (but for KRaft's snapshots)
 *   .cleaned   not finished: removed
 *   .swap      finished and meant to replace what has their offsets: put in their place, unless a
 *              .cleaned file of their offset or a smaller one shows that the exchange was not whole
 */
import type { LogHost } from "./log-host.ts";
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  LOG_SUFFIX,
  offsetOfFileName,
  RAFT_SNAPSHOT_DELETED_SUFFIX,
  SWAP_SUFFIX,
} from "./log-names.ts";
import { lastOffset } from "../protocol/record-batch.ts";
import { scanBatchesNow } from "./batch-scan.ts";

/** `names` are all in the directory; returns those that are there afterwards. */
export function finishExchanges(
  host: LogHost,
  directory: string,
  names: readonly string[],
): readonly string[] {
  const { disk } = host;
  if (!names.some(isPassing)) return names;
  const cleaned = names.filter((name) => name.endsWith(CLEANED_SUFFIX));
  const cleanedMin = Math.min(...cleaned.map(offsetOfFileName));
  const swaps: string[] = [];
  for (const name of names) {
    if (name.endsWith(SWAP_SUFFIX) && offsetOfFileName(name) < cleanedMin) swaps.push(name);
    else if (isLeftover(name)) disk.remove(`${directory}/${name}`);
  }
  if (swaps.length === 0) return disk.list(directory);
  const { from, to } = rangeOf(host, directory, swaps);
  for (const name of disk.list(directory)) {
    const offset = offsetOfFileName(name);
    if (name.endsWith(SWAP_SUFFIX) || offset < from || offset >= to) continue;
    disk.remove(`${directory}/${name}`);
  }
  for (const name of swaps) {
    const path = `${directory}/${name}`;
    disk.rename(path, path.slice(0, -SWAP_SUFFIX.length));
  }
  host.logger.info(`${directory}: finished the exchange of ${swaps.length} files`);
  return disk.list(directory);
}

function isPassing(name: string): boolean {
  return name.endsWith(SWAP_SUFFIX) || isLeftover(name);
}

function isLeftover(name: string): boolean {
  if (name.endsWith(CLEANED_SUFFIX) || name.endsWith(SWAP_SUFFIX)) return true;
  return name.endsWith(DELETED_SUFFIX) && !name.endsWith(RAFT_SNAPSHOT_DELETED_SUFFIX);
}

/** The offsets that the finished segments stand for: what else has them goes. */
function rangeOf(
  host: LogHost,
  directory: string,
  swaps: readonly string[],
): { from: number; to: number } {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const name of swaps) {
    if (!name.endsWith(LOG_SUFFIX + SWAP_SUFFIX)) continue;
    const base = offsetOfFileName(name);
    let end = base;
    const file = host.disk.open(`${directory}/${name}`, "read");
    scanBatchesNow(file, 0, file.size(), (bytes, at) => {
      end = lastOffset(bytes, at) + 1;
      return true;
    });
    file.close();
    from = Math.min(from, base);
    to = Math.max(to, end);
  }
  return { from, to };
}
