#!/usr/bin/env bun
/**
 * The program: `bun src/main.ts COMMAND`. The only place that ends the process.
 *
 * `bun run build` puts it into one file, dist/program/main.js, compiled beforehand: of the time
 * until a node is ready half went into finding, reading and parsing four hundred files.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { ROOT } from "./base/root.ts";
import { realConsole } from "./cli/console.ts";
import { run } from "./cli/index.ts";

// What is compiled once is kept for the next start; where it cannot be kept, nothing is lost.
enableCompileCache(join(ROOT, "node_modules/.cache/bunka"));

const context = {
  console: realConsole,
  world: async () => (await import("./base/real-world.ts")).realWorld(),
};
void run(process.argv.slice(2), context)
  .catch((error: unknown) => {
    // A bug. Left to the runtime, it would be handed to the broker's own handler, and end with 0.
    realConsole.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  })
  .then((exitCode) => process.exit(exitCode));
