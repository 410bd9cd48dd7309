import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { PROBE } from "../kit/loop-probe.ts";
import { startBrokerProcess } from "./broker-process.ts";
import type { Start } from "./contender.ts";

const THIS_CHECKOUT = resolve(import.meta.dir, "../..");

/** Of this checkout, or of another one: before and after, in one run. */
export function bunka(
  checkout = THIS_CHECKOUT,
  name = "bunka",
  nodes = 1,
  isLoopWatched = false,
): Start {
  // Another checkout may be of before the program was put into one file.
  Bun.spawnSync(["bun", "run", "--silent", "setup"], { cwd: checkout });
  const built = join(checkout, "dist/program/main.js");
  const main = existsSync(built) ? built : join(checkout, "src/main.ts");
  // Of several processes each has a loop of its own: of those nothing is told.
  const isProbed = isLoopWatched && nodes === 1;
  return (options) =>
    startBrokerProcess(
      {
        name,
        isProbed,
        cwd: checkout,
        nodes,
        command: (file) => [
          process.execPath,
          ...(isProbed ? ["--preload", PROBE] : []),
          main,
          "broker",
          file,
          ...(nodes === 1 ? [] : ["--nodes", `${nodes}`]),
        ],
        // As package.json starts it: memory is given back to the system a second later.
        environment: { MIMALLOC_PURGE_DELAY: "1000" },
      },
      options,
    );
}
