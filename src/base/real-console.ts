/** Log lines go to standard error. */
import { writeSync } from "node:fs";

const STANDARD_ERROR = 2;

/** A line that cannot be written is lost: a log must not stop the node. */
export function writeToConsole(line: string): void {
  try {
    writeSync(STANDARD_ERROR, `${line}\n`);
  } catch {
    // A full pipe or a closed terminal.
  }
}
