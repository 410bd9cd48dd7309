import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { FAULTS } from "./faults.ts";
import { type ModelCounts, runModel } from "./replication-model.ts";

/** `BUNKA_REPLICATION_SEEDS=20000 bun test test/partition/replication-model` looks further. */
const SEEDS = Number(process.env["BUNKA_REPLICATION_SEEDS"] ?? 250);

describe("a partition of three replicas", () => {
  test(
    "keeps what it acknowledged, whatever happens to one replica at a time",
    () => {
      const total: ModelCounts = runModel(1);
      for (let seed = 2; seed <= SEEDS; seed++) {
        for (const [name, count] of Object.entries(runModel(seed))) {
          total[name as keyof ModelCounts] += count;
        }
      }
      // It must have come to what it is about.
      expect(total.acknowledged).toBeGreaterThan(SEEDS * 2);
      expect(total.elections).toBeGreaterThan(SEEDS * 2);
      expect(total.truncations).toBeGreaterThan(SEEDS / 4);
      expect(total.powerLosses).toBeGreaterThan(SEEDS / 4);
      expect(total.isrChanges).toBeGreaterThan(SEEDS);
    },
    60_000 + SEEDS * 50,
  );
});

describe("a fault that was made before is found", () => {
  for (const [index, { name }] of FAULTS.entries()) {
    test(
      name,
      async () => {
        const command = [process.execPath, join(import.meta.dir, "seek-fault.ts"), String(index)];
        const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
        expect(await new Response(child.stdout).text()).toContain("found at seed");
        expect(await child.exited).toBe(0);
      },
      120_000,
    );
  }
});
