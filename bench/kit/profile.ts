/**
 * Where processes spend their time while a row runs: `perf record`, where the machine has it. Figures
 * of a run that is profiled are not to be shown.
 *
 *   "symbols" -> beside the record lies its report, by symbol
 *   "turns"   -> samples of the loop's thread alone with their stacks, where it asks the kernel what has
 *                come in, and where it says something on standard error; in a record of its own, when
 *                Linux gives freed memory back to the host (studies/turns.ts): needs root
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tied } from "./children.ts";

export type ProfileOf = "symbols" | "turns";

export interface ProfilePlan {
  readonly folder: string;
  readonly of: ProfileOf;
}

export interface Profile {
  /** Writes the report. */
  end(): Promise<void>;
}

/** Of samples that `turns` takes: what a sample stands for. */
export const TURN_SAMPLE_MS = 0.5;

/** Behind the name of the record of when memory is given back. */
export const GIVEN_BACK = ".given-back";

const FREQUENCY = 999;
const STANDARD_ERROR = 2;
/** Where it is full, what happens meanwhile is not recorded, and two turns become one. */
const TURN_BUFFER = "16M";
const ATTACHED_WITHIN_MS = 500;
/** epoll_wait, epoll_pwait and epoll_pwait2 of x86-64, and epoll_pwait of arm64. */
const ASKS = process.arch === "x64" ? [232, 281, 441] : [22, 441];

export async function profileProcess(
  pids: readonly number[],
  { folder, of }: ProfilePlan,
  name: string,
): Promise<Profile> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name.replace(/[^\w.-]+/g, "-"));
  const children =
    of === "turns"
      ? [record(turnsOf(pids), `${path}.data`), record(givenBack(), `${path}${GIVEN_BACK}`)]
      : [record(symbolsOf(pids), `${path}.data`)];
  await Bun.sleep(ATTACHED_WITHIN_MS);
  return {
    async end() {
      for (const child of children) child.kill("SIGINT");
      for (const child of children) await child.exited;
      if (of === "symbols") writeReport(path);
    },
  };
}

function record(flags: readonly string[], path: string): Bun.Subprocess {
  const command = ["perf", "record", "-q", ...flags, "-o", path];
  return tied(Bun.spawn(command, { stdout: "ignore", stderr: "inherit" }));
}

function symbolsOf(pids: readonly number[]): string[] {
  return ["-g", "-F", `${FREQUENCY}`, "-p", pids.join()];
}

function turnsOf(pids: readonly number[]): string[] {
  const filter = ASKS.map((number) => `id==${number}`).join("||");
  const asks = ["enter", "exit"].flatMap((end) => {
    return ["-e", `raw_syscalls:sys_${end}`, "--filter", filter];
  });
  // A frequency for all (-F) would thin out what is asked, too, and make one turn of many.
  const samples = ["-e", `cpu-clock/period=${TURN_SAMPLE_MS * 1e6},call-graph=fp/`];
  const words = ["-e", "syscalls:sys_enter_write", "--filter", `fd==${STANDARD_ERROR}`];
  return [...samples, ...asks, ...words, "-m", TURN_BUFFER, "-t", pids.join()];
}

function givenBack(): string[] {
  const filter = ["--filter", "function.function == page_reporting_process"];
  const ends = ["start", "end"].flatMap((end) => {
    return ["-e", `workqueue:workqueue_execute_${end}`, ...filter];
  });
  return [...ends, "-a"];
}

function writeReport(path: string): void {
  const flags = ["--stdio", "--no-children", "-g", "none", "--sort", "dso,symbol"];
  const report = Bun.spawnSync(["perf", "report", "-i", `${path}.data`, ...flags]);
  writeFileSync(`${path}.txt`, report.stdout);
}
