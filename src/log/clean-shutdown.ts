/**
 * `.kafka_cleanshutdown`: the node stopped in order, and everything in the directory is whole.
 *
 *   {"version":0,"brokerEpoch":42}
 *
 * It is taken away before anything is loaded (KAFKA-10471), and that is synced, so that no crash
 * brings it back.
 */
import { type Disk, DiskError } from "../base/world.ts";
import { parentOf } from "./replace-file.ts";

const MARKER_FILE = ".kafka_cleanshutdown";

/** Whether there was a marker. */
export async function takeCleanShutdown(disk: Disk, directory: string): Promise<boolean> {
  const path = `${directory}/${MARKER_FILE}`;
  if (disk.status(path) === null) return false;
  disk.remove(path);
  await disk.syncDirectory(parentOf(path));
  return true;
}

/** The broker epoch that the marker names; -1 for none, and without a marker. */
export function cleanShutdownEpoch(disk: Disk, directory: string): number {
  const path = `${directory}/${MARKER_FILE}`;
  try {
    return disk.status(path) === null ? -1 : brokerEpochIn(disk.readWhole(path));
  } catch (error) {
    if (error instanceof DiskError) return -1;
    throw error;
  }
}

/** When the marker was written, by the file system's clock; -1 when there is none. */
export function cleanShutdownMs(disk: Disk, directory: string): number {
  return disk.status(`${directory}/${MARKER_FILE}`)?.modifiedMs ?? -1;
}

/** Durable when it resolves. */
export function writeCleanShutdown(
  disk: Disk,
  directory: string,
  brokerEpoch: number,
): Promise<void> {
  const text = JSON.stringify({ version: 0, brokerEpoch });
  return disk.replaceLater(`${directory}/${MARKER_FILE}`, Buffer.from(text));
}

/** Older brokers leave an empty file. */
function brokerEpochIn(bytes: Buffer): number {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value !== "object" || value === null || !("brokerEpoch" in value)) return -1;
    return typeof value.brokerEpoch === "number" ? value.brokerEpoch : -1;
  } catch {
    return -1;
  }
}
