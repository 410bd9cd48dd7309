/** The machine, in a few words: figures mean little without it. */
import { cpus, release, totalmem, type } from "node:os";
import type { Machine } from "./results/results.ts";

export function describeMachine(folder: string): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    fileSystem: outputOf("stat", "-f", "-c", "%T", folder) ?? "unknown",
    bun: Bun.version,
    java: outputOf("java", "--version")?.split("\n")[0] ?? null,
  };
}

export function machineLine(machine: Machine): string {
  const { processor, cores, memoryGigabytes, system, fileSystem } = machine;
  return `${cores} cores of ${processor}, ${memoryGigabytes} GB, ${system}, ${fileSystem}`;
}

function outputOf(...command: string[]): string | null {
  if (Bun.which(command[0]!) === null) return null;
  const { exitCode, stdout } = Bun.spawnSync(command, { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : null;
}
