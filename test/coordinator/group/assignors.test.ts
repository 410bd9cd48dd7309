/** The assignors beside Apache Kafka's own: see fixtures/AssignorFixtures.java. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AssignableGroup,
  type AssignableMember,
  type GroupAssignment,
  samePartitions,
} from "../../../src/coordinator/group/assignor.ts";
import { ASSIGNORS } from "../../../src/coordinator/group/assignors.ts";
import {
  compareUuids,
  grownCapacity,
  numbersInJavaOrder,
  stringsInJavaOrder,
  uuidHashCode,
} from "../../../src/coordinator/java-order.ts";

type Partitions = Record<string, readonly number[]>;

interface Case {
  readonly assignor: string;
  readonly isHomogeneous: boolean;
  readonly topics: Record<string, number>;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly topicIds: string[];
    readonly owned: Partitions;
  }[];
  readonly expected: Record<string, Partitions>;
}

const CASES = JSON.parse(
  readFileSync(join(import.meta.dir, "fixtures/assignors.json"), "utf8"),
) as Case[];

function groupOf({ isHomogeneous, topics, members }: Case): AssignableGroup {
  const byId = new Map(members.map((member) => [member.memberId, member]));
  const ids = stringsInJavaOrder([...byId.keys()], grownCapacity(byId.size));
  return {
    isHomogeneous,
    partitionCountOf: (topicId) => topics[topicId] ?? 0,
    members: ids.map((memberId): AssignableMember => {
      const { instanceId, topicIds, owned } = byId.get(memberId)!;
      const partitions = new Map(Object.entries(owned));
      return { memberId, instanceId, topicIds: new Set(topicIds), partitions };
    }),
  };
}

function plain(assignment: GroupAssignment): Record<string, Partitions> {
  return Object.fromEntries(
    [...assignment].map(([memberId, partitions]) => [memberId, Object.fromEntries(partitions)]),
  );
}

describe("what Apache Kafka 4.3.1 assigns", () => {
  test.each(CASES.map((each, index) => [index, each.assignor, each] as const))(
    "case %i: %s",
    (_index, name, each) => {
      expect(plain(ASSIGNORS.get(name)!(groupOf(each)))).toEqual(each.expected);
    },
  );
});

describe("any group", () => {
  const uniform = ASSIGNORS.get("uniform")!;

  test("of nobody, or of no topics, is assigned nothing", () => {
    for (const assignor of ASSIGNORS.values()) {
      for (const isHomogeneous of [true, false]) {
        const nobody = { members: [], isHomogeneous, partitionCountOf: () => 1 };
        expect(assignor(nobody).size).toBe(0);
        const member = { memberId: "m", instanceId: null, partitions: new Map() };
        const idle = { ...nobody, members: [{ ...member, topicIds: new Set<string>() }] };
        expect([...(assignor(idle).get("m")?.keys() ?? [])]).toEqual([]);
      }
    }
  });

  test("that is balanced stays as it is", () => {
    for (const each of CASES.filter(({ assignor }) => assignor === "uniform")) {
      const group = groupOf(each);
      const first = uniform(group);
      const again = uniform({
        ...group,
        members: group.members.map((member) => ({
          ...member,
          partitions: first.get(member.memberId) ?? new Map(),
        })),
      });
      for (const [memberId, partitions] of first) {
        expect(samePartitions(again.get(memberId) ?? new Map(), partitions)).toBe(true);
      }
    }
  });

  test("of 10,000 members and 10,000 partitions is assigned in bounded time", () => {
    const topicIds = new Set(["sjMfbGSpROqNxp6T93Acyw"]);
    const others = new Set([...topicIds, "AAAAAAAAAAAAAAAAAAAAEA"]);
    const members = Array.from({ length: 10_000 }, (_, index) => ({
      memberId: `member-${index}`,
      instanceId: null,
      topicIds,
      partitions: new Map<string, number[]>(),
    }));
    const mixed = members.map((member, index) =>
      index % 2 ? { ...member, topicIds: others } : member,
    );
    const partitionCountOf = (): number => 10_000;
    for (const assignor of ASSIGNORS.values()) {
      for (const [isHomogeneous, all] of [
        [true, members],
        [false, mixed],
      ] as const) {
        const startMs = performance.now();
        const assignment = assignor({ members: all, isHomogeneous, partitionCountOf });
        expect(performance.now() - startMs).toBeLessThan(2_000);
        let count = 0;
        for (const partitions of assignment.values()) {
          for (const numbers of partitions.values()) count += numbers.length;
        }
        expect(count).toBe(isHomogeneous ? 10_000 : 20_000);
      }
    }
  });
});

describe("Java's order", () => {
  test("is that of its hashes", () => {
    // As jshell of Java 21 prints them.
    expect(uuidHashCode("AAAAAAAAAAAAAAAAAAAAAQ")).toBe(1);
    expect(numbersInJavaOrder([1, 16, 3])).toEqual([16, 1, 3]);
    expect(stringsInJavaOrder(["t", "absent"], 16)).toEqual(["t", "absent"]);
    expect(compareUuids("AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg")).toBeLessThan(0);
    // The upper half is a signed number.
    expect(compareUuids("gAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA")).toBeLessThan(0);
  });
});
