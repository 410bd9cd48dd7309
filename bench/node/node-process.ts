/** A broker as a process of its own, which says when it is ready. */
import { join, resolve } from "node:path";
import { freePort } from "../contenders/broker-process.ts";

export interface NodeProcess {
  readonly pid: number;
  readonly port: number;
  /** Milliseconds of `performance.now()` when the process was asked for. */
  readonly startedMs: number;
  /** Resolves at the line that says that the node is ready, with the time since its start. */
  readonly ready: Promise<number>;
  /** What it says is told to the probe's owner. */
  ask(message: string): void;
  /** Both give the milliseconds until the process was gone. */
  stop(): Promise<number>;
  kill(): Promise<number>;
}

const REPOSITORY = resolve(import.meta.dir, "../..");
const READY = "Bunka is ready";

/** `overrides` are settings as `--override` takes them. With a probe it can be asked. */
export function startNode(
  directory: string,
  overrides: readonly string[] = [],
  probe: { readonly module: string; readonly told: (message: unknown) => void } | null = null,
): NodeProcess {
  const port = freePort();
  const settings = [`log.dirs=${directory}`, `listeners=PLAINTEXT://127.0.0.1:${port}`];
  const flags = [...settings, ...overrides].flatMap((setting) => ["--override", setting]);
  const startedMs = performance.now();
  const preload = probe === null ? [] : ["--preload", probe.module];
  const command = [process.execPath, ...preload, join(REPOSITORY, "src/main.ts"), "broker"];
  const child = Bun.spawn([...command, ...flags], {
    cwd: REPOSITORY,
    stdout: "pipe",
    stderr: "inherit",
    ...(probe === null ? {} : { ipc: probe.told }),
  });
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
    ask: (message) => child.send(message),
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
