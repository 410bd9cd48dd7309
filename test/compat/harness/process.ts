/** Child processes of the harness: run to the end, or read line by line with a deadline. */
import { openSync, closeSync } from "node:fs";
import { tied } from "../../../bench/kit/children.ts";
import { forEachLine } from "../../../src/base/lines.ts";
import { CompatError } from "./outcome.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** Runs a command to its end and returns what it printed; throws if it fails. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.deadlineMs ?? 480_000);
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  clearTimeout(timer);
  if (code !== 0) {
    throw new CompatError(`${command.join(" ")}\nexited with ${code}\n${stdout}${stderr}`);
  }
  return stdout;
}

/**
 * Runs a command and hands over its standard output line by line; standard error goes to a file.
 * Returns the exit code, or "deadline" if the command had to be killed.
 */
export async function runLines(
  command: readonly string[],
  stderrFile: string,
  deadlineMs: number,
  onLine: (line: string) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<number | "deadline"> {
  const stderr = openSync(stderrFile, "a");
  // A process group of its own, so that what the driver itself started ends with it.
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr,
    env: { ...process.env, ...env },
    detached: true,
  });
  let late = false;
  tied({ exited: child.exited, kill: () => killGroup(child.pid) });
  const timer = setTimeout(() => {
    late = true;
    killGroup(child.pid);
  }, deadlineMs);
  await forEachLine(child.stdout, onLine);
  const code = await child.exited;
  clearTimeout(timer);
  killGroup(child.pid);
  closeSync(stderr);
  return late ? "deadline" : code;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has already ended, which is how it should be.
  }
}
