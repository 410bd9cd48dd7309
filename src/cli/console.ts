/** Where a command's answers and complaints go. */
import { writeSync } from "node:fs";

export interface Console {
  /** A line of the answer. */
  out(line: string): void;
  /** A line of complaint. */
  error(line: string): void;
}

/** Lines are written at once: an exit right after them loses nothing. */
export const realConsole: Console = {
  out: (line) => writeLine(1, line),
  error: (line) => writeLine(2, line),
};

/** A pipe may be full for a moment; a reader that has gone away is no reason to fail. */
function writeLine(descriptor: number, line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if (!isBusy(error)) return;
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
