/** Subscriptions by pattern: when they are matched, against what, and what that costs others. */
import { describe, expect, spyOn, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { groupRecordCodec } from "../../../src/coordinator/group/group-records.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { ConsumerDriver, FakeTopics } from "./consumer-driver.ts";

const CONFIG = { consumerAssignmentIntervalMs: () => 0 };

function started(partitionCounts: Record<string, number>): ConsumerDriver {
  return new ConsumerDriver({ config: CONFIG, topics: new FakeTopics(partitionCounts) }).start();
}

/** A member that reads what matches; the topics come with its second heartbeat. */
function joined(driver: ConsumerDriver, regex: string, memberId = "m"): Record<string, number[]> {
  const subscription = { subscribedTopicNames: null, subscribedTopicRegex: regex };
  const { memberEpoch } = driver.beat({ memberId, ...subscription });
  driver.clock.advance(1);
  return driver.assigned(driver.beat({ memberId, memberEpoch, topicPartitions: [] })) ?? {};
}

/** Patterns of which the log has records. */
function regexRecords(driver: ConsumerDriver): string[] {
  return driver.log.batches.flatMap((batch) =>
    readRecords(batch, 0).flatMap(({ key, value }) => {
      const record = groupRecordCodec.decode(key!, value);
      if (typeof record === "string" || record.type !== "consumerRegex") return [];
      return [record.value === null ? `${record.regex} gone` : record.regex];
    }),
  );
}

describe("a pattern", () => {
  test("stands for all of a topic's name", () => {
    const driver = started({ ab: 1, abc: 1, cab: 1 });
    expect(joined(driver, "ab|x")).toEqual({ ab: [0] });
  });

  test("that matches nothing is no error", () => {
    const driver = started({ a: 1 });
    expect(joined(driver, "x")).toEqual({});
    expect(driver.epochs()).toEqual(["Stable", 1, 1]);
    expect(driver.restarted().describeConsumer()).toEqual(driver.describeConsumer());
  });

  test.each(["[", "(?<=a)b", "\\1", "a{1001}", "(((a{99}){99}){99}){99}", "x".repeat(5_000)])(
    "%s is refused, and nobody joins",
    (regex) => {
      const driver = started({ a: 1 });
      const answer = driver.beat({ subscribedTopicNames: null, subscribedTopicRegex: regex });
      expect(answer.errorCode).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
      expect(driver.log.batches).toEqual([]);
    },
  );

  test("of a hostile kind is matched against many topics in turns of the event loop", () => {
    const topics = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`${"a".repeat(240)}-${index}`, 1]),
    );
    const driver = started(topics);
    const subscription = { subscribedTopicNames: null, subscribedTopicRegex: "(a?){60}(a|a)*b" };
    const startMs = performance.now();
    driver.beat(subscription);
    expect(performance.now() - startMs).toBeLessThan(500);
    driver.clock.advance(1);
    expect(driver.epochs()).toEqual(["Stable", 1, 1]);
    expect(driver.clock.timerCount).toBe(1);
  });

  test("of each of many members is compiled in turns of the event loop too", () => {
    const driver = started({ a1: 1 });
    const memberIds = Array.from({ length: 8 }, (_, index) => `m${index}`);
    for (const memberId of memberIds) {
      driver.beat({ memberId, subscribedTopicNames: null, subscribedTopicRegex: `${memberId}|a.` });
    }
    driver.clock.advance(1);
    driver.clock.advance(10_001);
    driver.coordinator.topicsChanged(driver.topics.create("a2", 1));
    // The library as its user loads it: what `import` gives is another copy.
    const { RE2JS } = require("re2js") as typeof import("re2js");
    const compile = spyOn(RE2JS, "compile");
    const compiledWhen: number[] = [];
    const monotonic = spyOn(driver.clock, "monotonicMs").mockImplementation(
      () => 2 * compiledWhen.push(compile.mock.calls.length),
    );
    const answer = driver.beat({ memberId: "m0", memberEpoch: 1 });
    driver.clock.advance(1);
    monotonic.mockRestore();
    const counts = compiledWhen.map((count, index) => count - (compiledWhen[index - 1] ?? 0));
    expect([answer.errorCode, compile.mock.calls.length]).toEqual([ErrorCode.NONE, 8]);
    // Whether the turn is over is asked after each of them.
    expect(Math.max(...counts)).toBe(1);
    compile.mockRestore();
    expect(driver.epochs()[1]).toBeGreaterThan(1);
  });

  test("of two members is matched once, and lives as long as one of them", () => {
    const driver = started({ a: 2 });
    joined(driver, "a");
    driver.beat({ memberId: "n", subscribedTopicNames: null, subscribedTopicRegex: "a" });
    // It is known what matches, so both are assigned at once.
    expect(driver.epochs()).toEqual(["Reconciling", 3, 3]);
    expect(regexRecords(driver)).toEqual(["a"]);
    driver.beat({ memberId: "m", memberEpoch: -1 });
    expect(regexRecords(driver)).toEqual(["a"]);
    driver.beat({ memberId: "n", memberEpoch: -1 });
    expect(regexRecords(driver)).toEqual(["a", "a gone"]);
    expect(driver.restarted().epochs()[0]).toBe("Empty");
  });

  test("that a member gives up no longer counts", () => {
    const driver = started({ a: 1, b: 1 });
    expect(joined(driver, "a")).toEqual({ a: [0] });
    const names = { subscribedTopicNames: ["b"], subscribedTopicRegex: "" };
    const changed = driver.beat({ memberEpoch: 2, ...names, topicPartitions: [] });
    expect(driver.assigned(changed)).toEqual({ b: [0] });
  });
});

describe("topics that match", () => {
  test("are looked for again when there are new ones, not more often than every 10 s", () => {
    const driver = started({ a1: 1 });
    expect(joined(driver, "a.")).toEqual({ a1: [0] });
    driver.coordinator.topicsChanged(driver.topics.create("a2", 1));
    const beat = (memberEpoch: number) => {
      const answer = driver.beat({ memberEpoch });
      driver.clock.advance(1);
      return answer.memberEpoch;
    };
    expect(beat(2)).toBe(2);
    expect(beat(2)).toBe(2);
    driver.clock.advance(10_001);
    expect(beat(2)).toBe(2);
    const told = driver.beat({ memberEpoch: 2 });
    expect(driver.assigned(told)).toEqual({ a1: [0], a2: [0] });
    // A topic that does not match makes no epoch.
    driver.coordinator.topicsChanged(driver.topics.create("b", 1));
    driver.clock.advance(10_001);
    expect(beat(3)).toBe(3);
    expect(beat(3)).toBe(3);
  });

  test("are looked for again after the interval, and after a restart", () => {
    const driver = started({ a1: 1 });
    joined(driver, "a.");
    // Nobody told the coordinator of this one.
    driver.topics.create("a2", 1);
    for (let beats = 0; beats < 39; beats++) {
      driver.clock.advance(15_000);
      driver.beat({ memberEpoch: 2 });
    }
    expect(driver.epochs()).toEqual(["Stable", 2, 2]);
    driver.clock.advance(15_000);
    driver.beat({ memberEpoch: 2 });
    driver.clock.advance(1);
    expect(driver.epochs()).toEqual(["Assigning", 3, 2]);
    driver.beat({ memberEpoch: 2 });
    driver.topics.create("a3", 1);
    const after = driver.restarted();
    after.clock.advance(15_000);
    after.beat({ memberEpoch: 3 });
    after.clock.advance(1);
    expect(after.assigned(after.beat({ memberEpoch: 3 }))).toEqual({ a1: [0], a2: [0], a3: [0] });
  });

  test("are matched for a group that is gone by then without harm", () => {
    const driver = started({ a: 1 });
    driver.beat({ subscribedTopicNames: null, subscribedTopicRegex: "a" });
    driver.beat({ memberEpoch: -1 });
    expect(driver.delete("g")).toEqual({ g: ErrorCode.NONE });
    driver.clock.advance(1_000);
    expect(driver.list()).toEqual([]);
    expect(driver.restarted().list()).toEqual([]);
  });
});
