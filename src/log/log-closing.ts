/**
 * Closing all logs of a directory, for a stop: what they hold back is written, then all is made
 * durable. Of many logs that are tens of thousands of syncs, or one of the whole file system, which
 * holds up others on it: so few logs are synced one by one.
 */
import { type Disk, DiskError } from "../base/world.ts";
import type { LogDirectory } from "./log-directory.ts";
import type { Log } from "./log.ts";
import { WorkQueue } from "./work-queue.ts";

const SYNCED_TOGETHER_FROM = 100;

export async function closeLogs(
  disk: Disk,
  directory: LogDirectory,
  syncsMax: number,
): Promise<void> {
  const queue = new WorkQueue(syncsMax);
  const unsynced: Log[] = [];
  const close = async (log: Log): Promise<void> => {
    if (await log.closeUnsynced()) unsynced.push(log);
  };
  await Promise.all([...directory.logs].map((log) => queue.run(() => close(log))));
  const isDurable = unsynced.length >= SYNCED_TOGETHER_FROM && syncTogether(disk, directory.path);
  await Promise.all(unsynced.map((log) => queue.run(() => log.syncClosed(isDurable))));
}

function syncTogether(disk: Disk, path: string): boolean {
  try {
    return disk.syncFileSystemNow(path);
  } catch (error) {
    // The syncs of the files will tell.
    if (error instanceof DiskError) return false;
    throw error;
  }
}
