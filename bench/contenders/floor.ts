/** floor.c: what the kernel and the checksum cost. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tied } from "../kit/children.ts";
import { compile } from "../load/compile.ts";
import type { Start } from "./contender.ts";

const NATIVE = join(import.meta.dir, "../../native/crc32c.c");

/** Null where no C compiler is. */
export function floor(folder: string): Start | null {
  const source = join(import.meta.dir, "../floor/floor.c");
  const binary = compile(join(folder, "floor-program"), [source, NATIVE]);
  if (binary === null) return null;
  return async (options) => {
    rmSync(options.folder, { recursive: true, force: true });
    mkdirSync(options.folder, { recursive: true });
    const startedMs = performance.now();
    const command = [binary, options.folder];
    const child = tied(Bun.spawn(command, { stdout: "pipe", stderr: "inherit" }));
    const { value } = await child.stdout.getReader().read();
    return {
      name: "floor",
      host: "127.0.0.1",
      port: Number(Buffer.from(value ?? []).toString()),
      pids: [child.pid],
      dataDirectories: [options.folder],
      isFloor: true,
      startedMs,
      async stop() {
        child.kill("SIGTERM");
        await child.exited;
      },
    };
  };
}
