/**
 * A fuzzer is a property that must hold for whatever chance brings. Each runs briefly with the tests
 * ("smoke"); `FUZZ_ROUNDS=100000 bun test test/fuzz` runs longer and `FUZZ_SEED=7` repeats one round.
 */
import { test } from "bun:test";
import { Chance } from "./chance.ts";

const SMOKE_SEED = 20_260_431;

export function fuzzer(
  name: string,
  options: { readonly rounds: number; readonly run: (chance: Chance) => void },
): void {
  const only = process.env["FUZZ_SEED"];
  const rounds = Number(process.env["FUZZ_ROUNDS"] ?? options.rounds);
  const timeoutMs = Math.max(20_000, rounds * 50);
  test(
    name,
    () => {
      if (only !== undefined) return runRound(options.run, Number(only));
      for (let round = 0; round < rounds; round++) runRound(options.run, SMOKE_SEED + round);
    },
    timeoutMs,
  );
}

/** Says which seed repeats a failure. */
export function runRound(run: (chance: Chance) => void, seed: number): void {
  try {
    run(new Chance(seed));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`fails with FUZZ_SEED=${seed}: ${reason}`, { cause });
  }
}
