#!/usr/bin/env bun
/** The program: `bun src/main.ts COMMAND`. The only place that ends the process. */
import { realConsole } from "./cli/console.ts";
import { run } from "./cli/index.ts";

const exitCode = await run(process.argv.slice(2), {
  console: realConsole,
  world: async () => (await import("./base/real-world.ts")).realWorld(),
});
process.exit(exitCode);
