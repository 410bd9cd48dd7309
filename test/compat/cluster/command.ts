/** What the commands of this folder have in common. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBySignals } from "../../../bench/kit/children.ts";
import type { TargetKind } from "../harness/target.ts";

/** `bunka,kafka,bunka`: what each node of a cluster is. */
export function kindsOf(words: string): TargetKind[] {
  return words.split(",").map(kindOf);
}

export function kindOf(word: string): TargetKind {
  return word === "kafka" ? "kafka" : "bunka";
}

/** A folder of its own, and lines that tell when. */
export class Command {
  readonly folder: string;
  readonly startMs = performance.now();

  constructor(name: string) {
    endBySignals();
    this.folder = mkdtempSync(join(tmpdir(), `bunka-${name}-`));
  }

  readonly say = (line: string): void => {
    const seconds = (performance.now() - this.startMs) / 1000;
    console.log(`${seconds.toFixed(1).padStart(7)} s  ${line}`);
  };

  /** Ends the process when the work is done. The folder stays where it went wrong. */
  async end(work: Promise<void>, isKept: boolean): Promise<never> {
    const isGood = await work.then(
      () => true,
      (error: unknown) => {
        console.error(error);
        return false;
      },
    );
    if (!isGood || isKept) console.log(`kept ${this.folder}`);
    else rmSync(this.folder, { recursive: true, force: true });
    process.exit(isGood ? 0 : 1);
  }
}
