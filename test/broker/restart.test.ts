import { expect, test } from "bun:test";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { startBroker } from "../api/broker-kit.ts";
import { afterKill, fakeWorld } from "../sim/fake-world.ts";

test("after a crash a coordinator reads its partition once", () => {
  const world = fakeWorld();
  const first = startBroker({ "offsets.topic.num.partitions": "1" }, world);
  first.wait(
    first.asker.until(async () => {
      const answer = await first.asker.quietly(findCoordinator, 3, { key: "group", keyType: 0 });
      return answer.errorCode === 0;
    }),
  );
  const second = startBroker({}, afterKill(world));
  second.world.clock.advance(1000);
  const loads = second.lines.filter((line) => line.includes("__consumer_offsets-0: loaded"));
  expect(loads).toHaveLength(1);
});
