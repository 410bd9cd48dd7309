/** Builds and runs the load generator, which is C so that it costs next to nothing. */
import { join } from "node:path";

export interface LoadResult {
  readonly bytes: number;
  readonly requests: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export type Load = (
  mode: "produce" | "fetch",
  port: number,
  topic: string,
  partitions: number,
  rest: readonly number[],
) => LoadResult;

/** `rest`: what load.c says for the mode. The binary is left in `folder`. */
export function buildLoad(folder: string): Load {
  const binary = join(folder, "load");
  const source = join(import.meta.dir, "load.c");
  const built = Bun.spawnSync(["cc", "-O2", "-o", binary, source], { stderr: "inherit" });
  if (built.exitCode !== 0) throw new Error("a C compiler is needed for the load generator");
  return (mode, port, topic, partitions, rest) => {
    const command = [binary, mode, `${port}`, topic, `${partitions}`, ...rest.map(String)];
    const child = Bun.spawnSync(command, { stderr: "inherit" });
    if (child.exitCode !== 0) throw new Error(`${command.join(" ")} failed`);
    return JSON.parse(child.stdout.toString()) as LoadResult;
  };
}
