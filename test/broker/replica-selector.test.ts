import { describe, expect, test } from "bun:test";
import { selectByRack } from "../../src/broker/replica-selector.ts";
import { ClusterImage } from "../../src/metadata/cluster-image.ts";

describe("a replica to read from", () => {
  test("is one in the consumer's rack, unless the leader is there", () => {
    expect(select("b")).toBe(3);
    expect(select("a")).toBeNull();
    expect(select("z")).toBeNull();
    expect(select("")).toBeNull();
  });

  test("has what comes next, and is in sync and alive", () => {
    expect(select("b", 101)).toBe(3);
    expect(select("b", 201)).toBeNull();
    expect(select("b", 4)).toBe(3);
    expect(select("b", 50, [1, 2])).toBe(2);
    expect(select("b", 50, [1])).toBeNull();
    expect(select("b", 50, [1, 2, 3], [3])).toBe(2);
  });

  test("is the one that is furthest, and of equals the one that lags least", () => {
    expect(select("b", 50)).toBe(3);
    const followers = FOLLOWERS.map((each) => ({ ...each, logEndOffset: 100 }));
    expect(select("b", 50, [1, 2, 3], [], followers)).toBe(2);
  });
});

const FOLLOWERS = [
  { brokerId: 2, logStartOffset: 5, logEndOffset: 100, lastCaughtUpMs: 20 },
  { brokerId: 3, logStartOffset: 0, logEndOffset: 200, lastCaughtUpMs: 10 },
];

function select(
  rackId: string,
  fetchOffset = 2,
  isr = [1, 2, 3],
  fenced: readonly number[] = [],
  followers = FOLLOWERS,
): number | null {
  const cluster = new ClusterImage();
  for (const [id, rack] of [
    [1, "a"],
    [2, "b"],
    [3, "b"],
  ] as const) {
    cluster.brokers.set(id, {
      id,
      epoch: 0,
      incarnationId: "",
      endpoints: [],
      features: new Map(),
      rack,
      fenced: fenced.includes(id),
      inControlledShutdown: false,
      directories: [],
      cordonedDirectories: null,
    });
  }
  const partition = { registration: { leader: 1, isr }, followers };
  return selectByRack(rackId, fetchOffset, partition, cluster);
}
