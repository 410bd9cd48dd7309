/** Disks of whole nodes that rot, or misplace what is written: nothing of it reaches anybody. */
import { expect, test } from "bun:test";
import { ROT_TROUBLES } from "./disk-troubles.ts";
import { runSeed } from "./run-seed.ts";

const SEEDS = [6, 8, 9];

test("a log that rots is nobody's but its disk's", () => {
  let count = 0;
  for (const seed of SEEDS) {
    const troubles = [...ROT_TROUBLES, "kill"] as const;
    const outcome = runSeed({ seed, nodeCount: 3, troubles: [...troubles] });
    for (const trouble of ROT_TROUBLES) count += outcome.troubles[trouble] ?? 0;
    expect(outcome.okCount).toBeGreaterThan(0);
  }
  expect(count).toBeGreaterThan(0);
}, 60_000);
