/**
 * Where processes spend their time while a row runs: `perf record`, where the machine has it. Beside
 * the record lies its report, by symbol. Figures of a run that is profiled are not to be shown.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tied } from "./children.ts";

const FREQUENCY = 999;
const ATTACHED_WITHIN_MS = 500;

export interface Profile {
  /** Writes the report. */
  end(): Promise<void>;
}

export async function profileProcess(
  pids: readonly number[],
  folder: string,
  name: string,
): Promise<Profile> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name.replace(/[^\w.-]+/g, "-"));
  const record = ["perf", "record", "-q", "-g", "-F", `${FREQUENCY}`, "-p", pids.join()];
  const child = tied(
    Bun.spawn([...record, "-o", `${path}.data`], { stdout: "ignore", stderr: "inherit" }),
  );
  await Bun.sleep(ATTACHED_WITHIN_MS);
  return {
    async end() {
      child.kill("SIGINT");
      await child.exited;
      const flags = ["--stdio", "--no-children", "-g", "none", "--sort", "dso,symbol"];
      const report = Bun.spawnSync(["perf", "report", "-i", `${path}.data`, ...flags]);
      writeFileSync(`${path}.txt`, report.stdout);
    },
  };
}
