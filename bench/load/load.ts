/**
 * Runs the load generator: C where a compiler is, so that it costs next to nothing, else
 * TypeScript. Both take the same options and print the same line.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { tied } from "../kit/children.ts";
import { compile } from "./compile.ts";

/** As options.c has them. */
export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  readonly partitions: number;
  /** The port of each partition's leader, where not all are at `port`; for the one in C. */
  readonly leaders?: string;
  readonly batches: string;
  readonly connections?: number;
  readonly window?: number;
  readonly acks?: number;
  readonly spread?: number;
  readonly bytes?: number;
  readonly rate?: number;
  readonly seconds?: number;
  readonly skip_ms?: number;
  readonly producers?: string;
  readonly transaction?: number;
  readonly consumers?: number;
  readonly readers?: number;
  readonly read_bytes?: number;
  readonly once?: number;
  readonly partition_bytes?: number;
}

export interface Latencies {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly p9999Us: number;
  readonly maxUs: number;
}

export interface LoadResult {
  readonly bytes: number;
  readonly requests: number;
  readonly commits: number;
  readonly readBytes: number;
  readonly followedBytes: number;
  readonly fetches: number;
  readonly seconds: number;
  /** Of the generator itself. */
  readonly cpuSeconds: number;
  /** Null where there was nothing of the kind. */
  readonly produce: Latencies | null;
  readonly commit: Latencies | null;
  readonly fetch: Latencies | null;
  readonly endToEnd: Latencies | null;
  /** How late the open loop itself was; latencies count from the intended time all the same. */
  readonly lateness: Latencies | null;
}

export interface Load {
  readonly language: "C" | "TypeScript";
  run(options: LoadOptions): Promise<LoadResult>;
  start(options: LoadOptions): RunningLoad;
}

export interface RunningLoad {
  readonly result: Promise<LoadResult>;
  /** Ends an open loop before its time. */
  stop(): void;
}

const NATIVE = join(import.meta.dir, "../../native/crc32c.c");
/** A request says it in 16 bits. */
const UINT16_COUNT = 65_536;

/** The program is left in `folder`. */
export function buildLoad(folder: string, language: "C" | "TypeScript" = "C"): Load {
  const sources = readdirSync(import.meta.dir).filter((name) => name.endsWith(".c"));
  const paths = sources.map((name) => join(import.meta.dir, name));
  const binary =
    language === "C" ? compile(join(folder, "load-program"), [...paths, NATIVE]) : null;
  const command =
    binary === null ? [process.execPath, join(import.meta.dir, "typescript/main.ts")] : [binary];
  return {
    language: binary === null ? "TypeScript" : "C",
    run: (options) => startLoad(command, options).result,
    start: (options) => startLoad(command, options),
  };
}

function startLoad(command: readonly string[], options: LoadOptions): RunningLoad {
  const flags = Object.entries(options).map(([name, value]) => {
    return `${name}=${typeof value === "number" && value < 0 ? value + UINT16_COUNT : value}`;
  });
  const child = tied(Bun.spawn([...command, ...flags], { stdout: "pipe", stderr: "inherit" }));
  const finish = async () => {
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`the load failed: ${flags.join(" ")}`);
    return JSON.parse(text) as LoadResult;
  };
  return { result: finish(), stop: () => child.kill("SIGTERM") };
}
