/**
 * Small files that are replaced whole: written beside, synced, renamed over the old one, so that a
 * reader after any crash finds the old contents or the new.
 */
import type { Disk, DiskFile } from "../base/world.ts";

const TEMPORARY_SUFFIX = ".tmp";

/**
 * Durable when it resolves. The path may change meanwhile, since its directory gets another name:
 * it is asked for anew after each wait. One that stays is for `Disk.replaceLater`.
 */
export async function replaceFile(
  disk: Disk,
  pathNow: () => string,
  bytes: Uint8Array,
): Promise<void> {
  const file = disk.open(pathNow() + TEMPORARY_SUFFIX, "create");
  try {
    file.truncate(0);
    file.write(bytes, 0, bytes.length, 0);
    await file.sync();
  } finally {
    file.close();
  }
  const renamed = pathNow();
  disk.rename(renamed + TEMPORARY_SUFFIX, renamed);
  await disk.syncDirectory(parentOf(renamed));
}

/** Gives a file its name that was written whole under another. Durable when it resolves. */
export async function putInPlace(disk: Disk, file: DiskFile, path: string): Promise<void> {
  try {
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(file.path, path);
  await disk.syncDirectory(parentOf(path));
}

export function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end > 0 ? path.slice(0, end) : end === 0 ? "/" : ".";
}
