/** Against what Kafka's own classes made of the same uses: see fixtures/KafkaQuotas.java. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MutationQuota } from "../../../src/broker/quotas/mutation-quota.ts";
import { type QuotaEntity, QuotaLimits } from "../../../src/broker/quotas/quota-limits.ts";
import { Rate } from "../../../src/broker/quotas/rate.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

/** By the word that begins a run: the lines of each run, that one first. */
const runs = new Map<string, string[][][]>();
const fixture = join(import.meta.dir, "fixtures/kafka-quotas.tsv");
let current: string[][] = [];
for (const line of readFileSync(fixture, "utf8").split("\n")) {
  const fields = line.split("\t");
  if (["rate", "mutations", "levels"].includes(fields[0]!)) {
    current = [];
    runs.set(fields[0]!, [...(runs.get(fields[0]!) ?? []), current]);
  }
  if (line !== "") current.push(fields);
}

describe("as Kafka's classes do", () => {
  test("rates and delays", () => {
    let steps = 0;
    for (const [[, samples, sampleMs, bound], ...uses] of runs.get("rate")! as [string[]][]) {
      const rate = new Rate({ sampleCount: Number(samples), sampleMs: Number(sampleMs) });
      for (const [, atMs, value, figure, windowMs, throttleMs] of uses as string[][]) {
        const nowMs = Number(atMs);
        rate.record(Number(value), nowMs);
        const delayMs = rate.msUntil(Number(bound), nowMs);
        expect([rate.perSecond(nowMs), rate.windowMs(nowMs), delayMs]).toEqual([
          Number(figure),
          Number(windowMs),
          Number(throttleMs),
        ]);
        steps++;
      }
    }
    expect(steps).toBe(24 * 60);
  });

  test("permits of mutations, strict and not", () => {
    let takes = 0;
    for (const [[, samples, sampleMs], ...steps] of runs.get("mutations")! as [string[]][]) {
      const clock = new FakeClock();
      const quota = new MutationQuota(clock, {
        sampleCount: Number(samples),
        sampleMs: Number(sampleMs),
      });
      for (const [kind, first, isStrict, ...parts] of steps as string[][]) {
        if (kind === "limit") {
          quota.limits.set({ user: "u", clientId: undefined }, Number(first));
          continue;
        }
        clock.advance(Number(first) - clock.monotonicMs());
        const permits = quota.permitsFor({ user: "u", clientId: "c" }, isStrict === "true")!;
        for (const [count, isTaken, delayMs] of parts.map((part) => part.split(":"))) {
          expect(permits.take(Number(count))).toBe(isTaken === "true");
          expect(permits.delayMs).toBe(Number(delayMs));
          takes++;
        }
      }
    }
    expect(takes).toBeGreaterThan(1000);
  });

  test("the limit that holds, and who shares it", () => {
    let asked = 0;
    for (const [, ...steps] of runs.get("levels")!) {
      const limits = new QuotaLimits();
      for (const [kind, user = "", clientId = "", ...rest] of steps) {
        if (kind === "set") {
          const limit = rest[0] === "-" ? null : Number(rest[0]);
          limits.set({ user: nameOf(user), clientId: nameOf(clientId) }, limit);
          continue;
        }
        const scope = limits.scopeOf(user, clientId);
        const limit = limits.limitOf(scope);
        expect([scope.user, scope.clientId, limit === Infinity ? "-" : String(limit)]).toEqual(
          rest,
        );
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(2000);
  });
});

function nameOf(text: string): QuotaEntity["user"] {
  if (text === "-") return undefined;
  return text === "*" ? null : text;
}
