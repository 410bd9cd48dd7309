/** Makes a log cold: what is read of it next comes from the disk. */
import { dlopen } from "bun:ffi";
import { closeSync, fdatasyncSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";

const DONT_NEED = 4;

/** Of the log files of a directory. Pages that a process has mapped stay. */
export function dropPageCache(directory: string): void {
  const { symbols } = dlopen("libc.so.6", {
    posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
  });
  for (const name of readdirSync(directory).filter((each) => each.endsWith(".log"))) {
    const file = openSync(join(directory, name), "r+");
    // What is dirty is not dropped.
    fdatasyncSync(file);
    symbols.posix_fadvise(file, 0, 0, DONT_NEED);
    closeSync(file);
  }
}
