import { describe, expect, test } from "bun:test";
import { GroupRefusal } from "../../../src/coordinator/group/group-refusal.ts";
import { StreamsStatus } from "../../../src/coordinator/group/streams-status.ts";
import { configureTopology } from "../../../src/coordinator/group/streams-topics.ts";
import {
  recordedTopology,
  type TopologyValue,
} from "../../../src/coordinator/group/streams-topology.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { internalTopic, subtopology } from "../../api/scenarios/streams-kit.ts";
import { FakeTopics } from "./consumer-driver.ts";

type Given = Parameters<typeof subtopology>[1];

/** What is made of subtopologies "0", "1", ... where these topics are. */
function configured(topics: Record<string, number>, ...given: NonNullable<Given>[]) {
  const subtopologies = given.map((rest, index) => subtopology(String(index), rest));
  const value = { epoch: 1, subtopologies } as TopologyValue;
  return configureTopology(recordedTopology(value), new FakeTopics(topics));
}

/** Tasks by subtopology, and partitions of what is missing; or what is wrong. */
function shown(topics: Record<string, number>, ...given: NonNullable<Given>[]): unknown {
  const result = configured(topics, ...given);
  if (result instanceof GroupRefusal) return [result.errorCode, result.errorMessage];
  if (result.subtopologies === null) return result.problem?.statusDetail;
  const tasks = [...result.subtopologies].map(([id, { taskCount }]) => `${id}: ${taskCount}`);
  const missing = result.missingTopics.map((each) => `${each.name}: ${each.partitionCount}`).sort();
  return [...tasks, ...missing].join(", ");
}

const joined = (sourceTopics: number[], repartitionSourceTopics: number[]) => ({
  copartitionGroups: [{ sourceTopics, sourceTopicRegex: [], repartitionSourceTopics }],
});

describe("partitions of internal topics", () => {
  test("follow what their subtopologies read, over several steps", () => {
    expect(
      shown(
        { a: 3, b: 5 },
        { sourceTopics: ["a"], repartitionSinkTopics: ["r"] },
        {
          sourceTopics: ["b"],
          repartitionSourceTopics: [internalTopic("r")],
          repartitionSinkTopics: ["s"],
          stateChangelogTopics: [internalTopic("c")],
        },
        { repartitionSourceTopics: [internalTopic("s")] },
      ),
    ).toBe("0: 3, 1: 5, 2: 5, c: 5, r: 3, s: 5");
  });

  test("are what the topology says, and what they are joined with", () => {
    const writes = { sourceTopics: ["a"], repartitionSinkTopics: ["r", "s"] };
    const fixed = { repartitionSourceTopics: [internalTopic("r", { partitions: 7 })] };
    expect(shown({ a: 3 }, { ...writes, repartitionSinkTopics: ["r"] }, fixed)).toBe(
      "0: 3, 1: 7, r: 7",
    );
    const both = [internalTopic("r", { partitions: 7 }), internalTopic("s")];
    expect(shown({ a: 3 }, writes, { repartitionSourceTopics: both, ...joined([], [0, 1]) })).toBe(
      "0: 3, 1: 7, r: 7, s: 7",
    );
    const withSource = { sourceTopics: ["b"], repartitionSourceTopics: [internalTopic("s")] };
    expect(shown({ a: 3, b: 2 }, writes, fixed, { ...withSource, ...joined([0], [0]) })).toBe(
      "0: 3, 1: 7, 2: 2, r: 7, s: 2",
    );
  });

  test("that cannot be told are an error of the topology", () => {
    const loop = { repartitionSourceTopics: [internalTopic("r")], repartitionSinkTopics: ["r"] };
    expect(configured({}, loop)).toMatchObject({ errorCode: ErrorCode.STREAMS_INVALID_TOPOLOGY });
    const unfed = { sourceTopics: ["a"], repartitionSourceTopics: [internalTopic("r")] };
    expect(configured({ a: 1 }, unfed)).toMatchObject({
      errorCode: ErrorCode.STREAMS_INVALID_TOPOLOGY,
    });
    expect(configured({ a: 1 }, { sourceTopics: ["a"], ...joined([3], []) })).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
    });
  });

  test("that do not fit together are a problem that can be mended", () => {
    expect(shown({ a: 3, b: 2 }, { sourceTopics: ["a", "b"], ...joined([0, 1], []) })).toBe(
      "Following topics do not have the same number of partitions: [{a=3, b=2}]",
    );
    const kept = { sourceTopics: ["a"], stateChangelogTopics: [internalTopic("c")] };
    expect(shown({ a: 3, c: 2 }, kept)).toBe(
      "Existing topic c has different number of partitions: expected 3, found 2",
    );
    expect(shown({ a: 3, c: 3 }, kept)).toBe("0: 3");
    const absent = ["w", "z", "y", "x"].map((name) => ({ sourceTopics: [name] }));
    expect(configured({}, ...absent)).toMatchObject({
      problem: {
        statusCode: StreamsStatus.MISSING_SOURCE_TOPICS,
        statusDetail: "Source topics w, x, y and 1 additional topics are missing.",
      },
    });
  });
});
