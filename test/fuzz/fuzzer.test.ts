import { expect, test } from "bun:test";
import { Chance } from "./chance.ts";
import { runRound } from "./fuzzer.ts";

test("canary: a property that does not hold fails and names its seed", () => {
  const run = (chance: Chance): void => {
    if (chance.below(2) < 2) throw new Error("found");
  };
  expect(() => runRound(run, 7)).toThrow("fails with FUZZ_SEED=7: found");
});

test("the same seed brings the same chance", () => {
  const draw = (seed: number): string => {
    const chance = new Chance(seed);
    return [chance.uint32(), chance.below(10), chance.bytes(4).toString("hex")].join(" ");
  };
  expect(draw(5)).toBe(draw(5));
  expect(draw(5)).not.toBe(draw(6));
});
