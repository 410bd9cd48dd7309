/**
 * Random work on a share partition, from seeds: no record is two members' at once, none that is done
 * with comes again, also after restarts, and in the end each has been delivered.
 */
import { describe, expect, test } from "bun:test";
import { startBroker } from "../../api/broker-kit.ts";
import { makeTopic } from "../../api/scenarios/prepare.ts";
import { RandomShare } from "./random-share.ts";

const SEEDS = 40;
const STEPS = 400;

describe("a share partition under random work", () => {
  const broker = startBroker();
  broker.wait(makeTopic(broker.asker, "t"));
  const partition = broker.node.partitions.find("t", 0)!;
  const { clock } = broker.world;

  test.each([
    ["writes are quick", 0, 0],
    ["writes are late", 40, 0],
    ["writes are late, and fail", 40, 0.2],
  ])("%s", (_name, lateMs, failureRate) => {
    let deliveredCount = 0;
    let restartCount = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const share = new RandomShare(seed, partition, clock);
      share.state.lateMs = lateMs;
      share.state.failureRate = failureRate;
      try {
        for (let step = 0; step < STEPS; step++) share.step();
        share.drain();
      } catch (error) {
        console.error(`seed ${seed}`);
        throw error;
      }
      deliveredCount += share.deliveredCount;
      restartCount += share.restartCount;
    }
    expect(deliveredCount).toBeGreaterThan(SEEDS * 100);
    expect(restartCount).toBeGreaterThan(SEEDS);
  });
});
