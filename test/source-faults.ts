/**
 * Plants a fault in a source file while it is loaded, in this process alone: to show that a test
 * finds what it is there for. Called before the file is imported; a fault whose place is not found,
 * or found twice, stops the process, so that none is forgotten when the source moves on.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceEdit {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface SourceFault {
  readonly name: string;
  readonly edits: readonly SourceEdit[];
}

const ROOT = join(import.meta.dir, "..");

export function plantFault(fault: SourceFault): void {
  const { name, edits } = fault;
  const files = filesOf(fault);
  const filter = new RegExp(`^(${files.map((file) => escaped(file)).join("|")})$`);
  Bun.plugin({
    name,
    setup(build) {
      build.onLoad({ filter }, ({ path }) => ({ contents: faulty(path, edits), loader: "ts" }));
    },
  });
  // Now, and not when the file happens to be needed.
  checkFault(fault);
}

/** Throws where a place of it is not in the source any more. */
export function checkFault(fault: SourceFault): void {
  for (const path of filesOf(fault)) faulty(path, fault.edits);
}

function filesOf({ edits }: SourceFault): string[] {
  return [...new Set(edits.map(({ file }) => join(ROOT, file)))];
}

function faulty(path: string, edits: readonly SourceEdit[]): string {
  let text = readFileSync(path, "utf8");
  for (const { file, find, replace } of edits) {
    if (join(ROOT, file) !== path) continue;
    if (text.split(find).length !== 2) throw new Error(`${file} has not once: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
