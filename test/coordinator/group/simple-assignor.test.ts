import { describe, expect, test } from "bun:test";
import type { TopicPartitions } from "../../../src/coordinator/group/assignor.ts";
import { assignSimply } from "../../../src/coordinator/group/simple-assignor.ts";
import { FakeRandom } from "../../sim/fake-random.ts";

interface Reader {
  readonly names: readonly string[];
  readonly partitions?: TopicPartitions;
}

function assign(readers: readonly Reader[], counts: Readonly<Record<string, number>>) {
  const [first] = readers;
  const isHomogeneous = readers.every(({ names }) => names.join() === first?.names.join());
  const assignment = assignSimply({
    members: readers.map(({ names, partitions }, index) => ({
      memberId: `m${index}`,
      instanceId: null,
      topicIds: new Set(names),
      partitions: partitions ?? new Map(),
    })),
    isHomogeneous,
    assignablePartitions: (topicId) =>
      Array.from({ length: counts[topicId] ?? 0 }, (_, partition) => partition),
  });
  return readers.map((_, index) => assignment.get(`m${index}`) ?? new Map());
}

/** "a0 a1 b0". */
function text(partitions: TopicPartitions): string {
  return [...partitions]
    .flatMap(([topicId, numbers]) => numbers.map((partition) => `${topicId}${partition}`))
    .join(" ");
}

describe("the simple assignor", () => {
  test.each([
    ["one member has all", 1, 3, ["a0 a1 a2"]],
    ["as many members as partitions", 3, 3, ["a0", "a1", "a2"]],
    ["more members than partitions", 4, 2, ["a0", "a0", "a1", "a1"]],
    ["fewer members than partitions", 2, 5, ["a0 a2 a4", "a1 a3"]],
    ["nothing to assign", 2, 0, ["", ""]],
  ])("%s", (_name, memberCount, partitionCount, expected) => {
    const readers = Array.from({ length: memberCount }, () => ({ names: ["a"] }));
    expect(assign(readers, { a: partitionCount }).map(text)).toEqual(expected);
  });

  test("leaves what members have where that is fair", () => {
    const partitions = new Map([["a", [1, 2]]]);
    const readers = [{ names: ["a"] }, { names: ["a"], partitions }];
    expect(assign(readers, { a: 4 }).map(text)).toEqual(["a0 a3", "a1 a2"]);
  });

  test("takes what a member reads no more, or is not there any more", () => {
    const partitions = new Map([
      ["a", [0]],
      ["b", [0, 9]],
    ]);
    const readers = [{ names: ["b"], partitions }, { names: ["a"] }];
    expect(assign(readers, { a: 1, b: 1 }).map(text)).toEqual(["b0", "a0"]);
  });

  test("gives every partition to somebody who reads it, and to all about as many", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new FakeRandom(seed);
      const counts = { a: random.below(7), b: random.below(4), c: random.below(3) };
      const isMixed = random.chance(0.5);
      let readers: Reader[] = Array.from({ length: 1 + random.below(9) }, () => ({
        names: isMixed ? ["a", "b", "c"].filter(() => random.chance(0.6)) : ["a", "b"],
      }));
      for (let round = 0; round < 4; round++) {
        const assigned = assign(readers, counts);
        expectFair(readers, counts, assigned);
        readers = readers.map(({ names }, index) => ({ names, partitions: assigned[index]! }));
        expect(assign(readers, counts).map(text)).toEqual(assigned.map(text));
        if (random.chance(0.5)) readers.push({ names: ["a", "b"] });
        else if (readers.length > 1) readers.splice(random.below(readers.length), 1);
      }
    }
  });
});

function expectFair(
  readers: readonly Reader[],
  counts: Readonly<Record<string, number>>,
  assigned: readonly TopicPartitions[],
): void {
  for (const [topicId, count] of Object.entries(counts)) {
    const isRead = readers.some(({ names }) => names.includes(topicId));
    const takers = Array.from({ length: count }, (_, partition) =>
      assigned.filter((partitions) => partitions.get(topicId)?.includes(partition)),
    );
    if (isRead) expect(takers.every((members) => members.length > 0)).toBe(true);
  }
  assigned.forEach((partitions, index) => {
    for (const topicId of partitions.keys()) expect(readers[index]!.names).toContain(topicId);
  });
  if (new Set(readers.map(({ names }) => names.join())).size > 1) return;
  const sizes = assigned.map((partitions) => text(partitions).split(" ").filter(Boolean).length);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
}
