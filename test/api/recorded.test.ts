/**
 * Asks a broker on a fake World what a real Apache Kafka 4.3.1 was asked, and compares every field
 * of every answer with what it answered (recorded/, by test/compat/api-differences.ts --record).
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "./asker.ts";
import { startBroker } from "./broker-kit.ts";
import { SCENARIOS } from "./scenarios/index.ts";

describe("answers are Kafka's", () => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, () => {
      const broker = startBroker(scenario.settings);
      broker.wait(scenario.run(broker.asker));
      broker.stop();
      const { steps } = broker.asker;
      const recorded = recordedOf(scenario.name);
      const expected = scenario.expected?.(recorded) ?? recorded;
      // One by one, so that the first difference is what is shown.
      for (const [index, step] of expected.entries()) expect(steps[index]).toEqual(step);
      expect(steps.length).toBe(expected.length);
    });
  }
});

function recordedOf(name: string): Step[] {
  const text = readFileSync(join(import.meta.dir, "recorded", `${name}.json`), "utf8");
  return JSON.parse(text) as Step[];
}
