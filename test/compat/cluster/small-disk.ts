/** A disk of a few MiB that a test may fill: a tmpfs, where this process may mount one. */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BALLAST = "ballast";
const SLICE = Buffer.alloc(64 * 1024);

export function mountSmallDisk(path: string, sizeMib: number): boolean {
  mkdirSync(path, { recursive: true });
  const words = ["mount", "-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", path];
  return Bun.spawnSync(words, { stderr: "ignore" }).exitCode === 0;
}

/** Null when this process may mount. */
export function whyNoSmallDisk(): string | null {
  const path = mkdtempSync(join(tmpdir(), "bunka-disk-"));
  const isMounted = mountSmallDisk(path, 1);
  unmount(path);
  rmSync(path, { recursive: true });
  return isMounted ? null : "needs a machine where this process may mount a tmpfs";
}

export function unmount(path: string): void {
  Bun.spawnSync(["umount", "-l", path], { stderr: "ignore" });
}

/** Until nothing fits any more, but for so many bytes that a write may be cut in the middle. */
export function fillDisk(path: string, leftSize: number): void {
  const ballast = join(path, BALLAST);
  const file = openSync(ballast, "w");
  let size = 0;
  try {
    for (;;) size += writeSync(file, SLICE);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("ENOSPC")) throw error;
  } finally {
    closeSync(file);
  }
  truncateSync(ballast, Math.max(0, size - leftSize));
}

export function emptyDisk(path: string): void {
  rmSync(join(path, BALLAST), { force: true });
}

/** All that is on it is gone, under whoever has it open. */
export function wipeDisk(path: string): void {
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
}
