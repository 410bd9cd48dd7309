/** A broker as a process of its own, which says when it is ready. */
import { join, resolve } from "node:path";
import { later } from "../../src/base/later.ts";
import { LoopProbe, PROBE } from "../kit/loop-probe.ts";
import { freePort } from "../contenders/broker-process.ts";

export interface NodeProcess {
  readonly pid: number;
  readonly port: number;
  /** Milliseconds of `performance.now()` when the process was asked for. */
  readonly startedMs: number;
  /** Resolves at the line that says that the node is ready, with the time since its start. */
  readonly ready: Promise<number>;
  /** Null without one. */
  readonly probe: LoopProbe | null;
  /** Both give the milliseconds until the process was gone. */
  stop(): Promise<number>;
  kill(): Promise<number>;
}

/** As `bun run broker` starts it: from one file, once that is up to date. */
const program = later(() => {
  const { success } = Bun.spawnSync(["bun", "run", "--silent", "setup"], { cwd: REPOSITORY });
  if (!success) throw new Error("`bun run setup` failed");
  return join(REPOSITORY, "dist/program/main.js");
});

const REPOSITORY = resolve(import.meta.dir, "../..");
const READY = "Bunka is ready";

/** `overrides` are settings as `--override` takes them. */
export function startNode(
  directory: string,
  overrides: readonly string[] = [],
  isProbed = false,
): NodeProcess {
  const port = freePort();
  const settings = [`log.dirs=${directory}`, `listeners=PLAINTEXT://127.0.0.1:${port}`];
  const flags = [...settings, ...overrides].flatMap((setting) => ["--override", setting]);
  const startedMs = performance.now();
  const preload = isProbed ? ["--preload", PROBE] : [];
  const command = [process.execPath, ...preload, program(), "broker"];
  const child = Bun.spawn([...command, ...flags], {
    cwd: REPOSITORY,
    stdout: "pipe",
    stderr: "inherit",
    ...(isProbed ? { ipc: (message: unknown) => probe.told(message) } : {}),
  });
  const probe = new LoopProbe((message) => child.send(message));
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<number> => {
    const fromMs = performance.now();
    child.kill(signal);
    await child.exited;
    return performance.now() - fromMs;
  };
  return {
    pid: child.pid,
    port,
    startedMs,
    probe: isProbed ? probe : null,
    ready: whenReady(child.stdout, startedMs),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

async function whenReady(output: ReadableStream<Uint8Array>, startedMs: number): Promise<number> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(READY)) return performance.now() - startedMs;
  }
  throw new Error(`the broker ended before it was ready: ${text}`);
}
