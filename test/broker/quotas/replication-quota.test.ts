import { expect, test } from "bun:test";
import { ReplicationQuota } from "../../../src/broker/quotas/replication-quota.ts";
import { DEFAULT_LOG_CONFIG } from "../../../src/log/log-config.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

test("replicas that are named are held back while the rate of all of them is over the limit", () => {
  const { quota, clock, limit } = setUp();
  const [named, other] = [replica(0, ["0:1"]), replica(1, ["0:1", "1:2"])];
  quota.record(named, 5000);
  quota.record(other, 1_000_000);
  // As Kafka's SimpleRate: a first burst counts for a second.
  expect(quota.bytesPerSecond).toBe(5000);
  expect([quota.holdsBack(named), quota.holdsBack(other)]).toEqual([true, false]);
  clock.advance(5000);
  expect(quota.bytesPerSecond).toBe(1000);
  expect(quota.holdsBack(named)).toBe(false);
  limit.bytesPerSecond = 999;
  expect(quota.holdsBack(replica(7, ["*"]))).toBe(true);
  limit.bytesPerSecond = Infinity;
  expect(quota.holdsBack(named)).toBe(false);
});

function setUp() {
  const clock = new FakeClock();
  const limit = { bytesPerSecond: 1000 };
  const quota = new ReplicationQuota({
    clock,
    nodeId: 1,
    window: { sampleCount: 11, sampleMs: 1000 },
    bytesPerSecond: () => limit.bytesPerSecond,
    replicasOf: (config) => config.leaderReplicationThrottledReplicas,
  });
  return { quota, clock, limit };
}

function replica(index: number, leaderReplicationThrottledReplicas: string[]) {
  return { index, log: { config: { ...DEFAULT_LOG_CONFIG, leaderReplicationThrottledReplicas } } };
}
