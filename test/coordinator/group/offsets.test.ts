import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { ANY_TOPIC, from, GroupDriver, subscription, topicIdOf } from "./group-driver.ts";

const { NONE } = ErrorCode;

describe("OffsetCommit", () => {
  test("without membership makes a simple group", () => {
    const driver = new GroupDriver().start();
    expect(driver.commitNow({ offsets: { t1: { 0: 5, 1: 6 }, t2: { 0: 7 } } })).toEqual({
      "t1-0": NONE,
      "t1-1": NONE,
      "t2-0": NONE,
    });
    expect(driver.offsets()).toEqual({ "t1-0": 5, "t1-1": 6, "t2-0": 7 });
    expect(driver.describe()).toMatchObject({ groupState: "Empty", protocolType: "" });
  });

  test("of a member is accepted, and keeps its session", () => {
    const driver = new GroupDriver().start();
    const [memberId] = driver.stableGroup(1);
    const commit = { memberId: memberId!, generationIdOrMemberEpoch: 1 };
    for (let beat = 0; beat < 4; beat++) {
      driver.clock.advance(9_000);
      expect(driver.commitNow({ ...commit, offsets: { t1: { 0: beat } } })).toEqual({
        "t1-0": NONE,
      });
    }
    driver.clock.advance(10_000);
    expect(driver.commitNow({ ...commit, offsets: { t1: { 0: 9 } } })).toEqual({
      "t1-0": ErrorCode.UNKNOWN_MEMBER_ID,
    });
    expect(driver.offsets()).toEqual({ "t1-0": 3 });
  });

  test("is refused as Kafka refuses it", () => {
    const driver = new GroupDriver().start();
    const offsets = { t1: { 0: 5 } };
    const errorOf = (options: Omit<Parameters<GroupDriver["commit"]>[0], "offsets">): number =>
      driver.commitNow({ ...options, offsets })["t1-0"]!;
    const generation = { generationIdOrMemberEpoch: 1 };
    expect(errorOf(generation)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(errorOf({ ...generation, apiVersion: 8 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    const [memberId] = driver.stableGroup(1);
    expect(errorOf({})).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(errorOf({ memberId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(errorOf({ memberId: memberId!, generationIdOrMemberEpoch: 2 })).toBe(
      ErrorCode.ILLEGAL_GENERATION,
    );
    expect(errorOf({ memberId: memberId! })).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(errorOf({ ...generation, memberId: memberId!, groupInstanceId: "i" })).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    expect(errorOf({ ...generation, memberId: memberId! })).toBe(NONE);
  });

  test("while the group completes a rebalance is refused; while it prepares one it is not", () => {
    const driver = new GroupDriver().start();
    const ids = driver.stableGroup(2);
    driver.join({ memberId: ids[0]! });
    const commit = { memberId: ids[1]!, offsets: { t1: { 0: 5 } } };
    expect(driver.commitNow({ ...commit, generationIdOrMemberEpoch: 1 })["t1-0"]).toBe(NONE);
    driver.join({ memberId: ids[1]! });
    expect(driver.describe().groupState).toBe("CompletingRebalance");
    expect(driver.commitNow({ ...commit, generationIdOrMemberEpoch: 2 })["t1-0"]).toBe(
      ErrorCode.REBALANCE_IN_PROGRESS,
    );
  });

  test("of a generation to an empty group is refused, and without one is accepted", () => {
    const driver = new GroupDriver().start();
    const [memberId] = driver.stableGroup(1);
    driver.leave([{ memberId: memberId! }]);
    const offsets = { t1: { 0: 5 } };
    const late = { memberId: memberId!, generationIdOrMemberEpoch: 1, offsets };
    expect(driver.commitNow(late)["t1-0"]).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(driver.commitNow({ offsets })["t1-0"]).toBe(NONE);
  });

  test("with metadata that is too large fails for that partition alone", () => {
    const driver = new GroupDriver({ config: { offsetMetadataMaxBytes: 3 } }).start();
    const partition = { committedOffset: 1, committedLeaderEpoch: 4 };
    const request = {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [
        {
          name: "t1",
          topicId: "",
          partitions: [
            { ...partition, partitionIndex: 0, committedMetadata: "äöü" },
            { ...partition, partitionIndex: 1, committedMetadata: "long" },
            { ...partition, partitionIndex: 2, committedMetadata: null },
          ],
        },
      ],
    };
    const { topics } = driver.now(driver.coordinator.commitOffsets(request, from(9)));
    expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([
      NONE,
      ErrorCode.OFFSET_METADATA_TOO_LARGE,
      NONE,
    ]);
    const { groups = [] } = driver.fetch("g", { t1: [0, 1, 2] }).value;
    expect(groups[0]!.topics[0]!.partitions).toMatchObject([
      { committedOffset: 1, committedLeaderEpoch: 4, metadata: "äöü" },
      { committedOffset: -1, committedLeaderEpoch: -1, metadata: "" },
      { committedOffset: 1, committedLeaderEpoch: 4, metadata: "" },
    ]);
  });

  test("for topics and partitions that do not exist fails for those alone", () => {
    const driver = new GroupDriver().start();
    expect(driver.commitNow({ offsets: { x: { 0: 1 }, t1: { 0: 1, 100: 2 } } })).toEqual({
      "x-0": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "t1-0": NONE,
      "t1-100": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    // Nothing is left to ask the group for.
    expect(driver.commitNow({ groupId: "other", offsets: { x: { 0: 1 } } })).toEqual({
      "x-0": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    expect(driver.list()).toEqual(["g"]);
  });

  test("of version 10 names topics by id", () => {
    const driver = new GroupDriver().start();
    const { topics } = driver.commit({
      apiVersion: 10,
      offsets: { t1: { 0: 5 }, t2: { 1: 6 } },
    }).value;
    expect(topics.map(({ topicId }) => topicId)).toEqual([topicIdOf("t1"), topicIdOf("t2")]);
    expect(driver.offsets()).toEqual({ "t1-0": 5, "t2-1": 6 });
  });

  test("of version 10 with unknown ids answers UNKNOWN_TOPIC_ID for each of them", () => {
    const topics = { ...ANY_TOPIC, nameOf: (id: string) => (id === topicIdOf("t1") ? "t1" : null) };
    const driver = new GroupDriver({ topics }).start();
    const offsets = { t1: { 0: 5 }, t2: { 1: 6 }, t3: { 1: 6 } };
    const response = driver.commit({ apiVersion: 10, offsets }).value;
    const errors = response.topics.map(({ topicId, partitions }) => [
      topicId,
      partitions[0]!.errorCode,
    ]);
    expect(errors).toEqual([
      [topicIdOf("t2"), ErrorCode.UNKNOWN_TOPIC_ID],
      [topicIdOf("t3"), ErrorCode.UNKNOWN_TOPIC_ID],
      [topicIdOf("t1"), NONE],
    ]);
  });

  test("for topics that are not allowed fails for those alone", () => {
    const driver = new GroupDriver().start();
    const topicAllowed = (topic: string): boolean => topic !== "t2";
    expect(driver.commitNow({ offsets: { t1: { 0: 1 }, t2: { 0: 2 } }, topicAllowed })).toEqual({
      "t1-0": NONE,
      "t2-0": ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    });
  });

  test("to the group without a name is accepted, as ever", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ groupId: "", offsets: { t1: { 0: 1 } } });
    expect(driver.offsets("")).toEqual({ "t1-0": 1 });
  });
});

describe("OffsetFetch", () => {
  function filled(): GroupDriver {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 5 }, t2: { 3: 7 } } });
    return driver;
  }

  test("of some partitions answers -1 where nothing is committed", () => {
    const { groups = [] } = filled().fetch("g", { t1: [0, 1], t9: [0] }).value;
    expect(groups[0]!.topics.map(({ name, partitions }) => [name, partitions])).toEqual([
      [
        "t1",
        [
          {
            partitionIndex: 0,
            committedOffset: 5,
            committedLeaderEpoch: -1,
            metadata: "",
            errorCode: 0,
          },
          {
            partitionIndex: 1,
            committedOffset: -1,
            committedLeaderEpoch: -1,
            metadata: "",
            errorCode: 0,
          },
        ],
      ],
      [
        "t9",
        [
          {
            partitionIndex: 0,
            committedOffset: -1,
            committedLeaderEpoch: -1,
            metadata: "",
            errorCode: 0,
          },
        ],
      ],
    ]);
  });

  test("of a group that does not exist answers -1, or nothing where all are asked for", () => {
    const driver = filled();
    const some = driver.fetch("x", { t1: [0] }).value.groups![0]!;
    expect(some.topics[0]!.partitions[0]!.committedOffset).toBe(-1);
    expect(driver.fetch("x").value.groups).toEqual([{ groupId: "x", topics: [], errorCode: 0 }]);
  });

  test("of many groups answers each", () => {
    const driver = filled();
    driver.commitNow({ groupId: "h", offsets: { t1: { 0: 50 } } });
    const group = (groupId: string) => ({ groupId, memberId: null, memberEpoch: -1, topics: null });
    const request = {
      groupId: "",
      topics: [],
      groups: [group("g"), group("h"), group("x")],
      requireStable: false,
    };
    const { groups = [] } = driver.now(driver.coordinator.fetchOffsets(request, from(8)));
    expect(groups.map(({ groupId, topics }) => [groupId, topics.length])).toEqual([
      ["g", 2],
      ["h", 1],
      ["x", 0],
    ]);
  });

  test("before version 8 is of one group, in the response's own fields", () => {
    const driver = filled();
    for (const apiVersion of [1, 5, 7]) {
      const response = driver.fetch("g", { t1: [0] }, { apiVersion }).value;
      expect(response).toEqual({
        topics: [
          {
            name: "t1",
            partitions: [
              {
                partitionIndex: 0,
                committedOffset: 5,
                committedLeaderEpoch: -1,
                metadata: "",
                errorCode: 0,
              },
            ],
          },
        ],
        errorCode: 0,
        groups: [],
      });
    }
    const all = driver.fetch("g", null, { apiVersion: 2 }).value.topics;
    expect(all?.map(({ name }) => name)).toEqual(["t1", "t2"]);
  });

  test("of version 10 names topics by id, both ways", () => {
    const driver = filled();
    const one = driver.fetch("g", { t2: [3] }, { apiVersion: 10 }).value.groups![0]!;
    expect(one.topics[0]).toMatchObject({ topicId: topicIdOf("t2") });
    expect(one.topics[0]!.partitions[0]!.committedOffset).toBe(7);
    const all = driver.fetch("g", null, { apiVersion: 10 }).value.groups![0]!;
    expect(all.topics.map(({ topicId }) => topicId)).toEqual([topicIdOf("t1"), topicIdOf("t2")]);
  });

  test("of version 10 with an unknown id answers UNKNOWN_TOPIC_ID, and hides lost topics", () => {
    const gone = { ...ANY_TOPIC };
    const driver = new GroupDriver({ topics: gone }).start();
    driver.commitNow({ offsets: { t1: { 0: 5 }, t2: { 3: 7 } } });
    gone.nameOf = (id) => (id === topicIdOf("t1") ? "t1" : null);
    gone.idOf = (name) => (name === "t1" ? topicIdOf("t1") : null);
    const some = driver.fetch("g", { t2: [3], t1: [0] }, { apiVersion: 10 }).value.groups![0]!;
    expect(
      some.topics.map(({ topicId, partitions }) => [topicId, partitions[0]!.errorCode]),
    ).toEqual([
      [topicIdOf("t1"), NONE],
      [topicIdOf("t2"), ErrorCode.UNKNOWN_TOPIC_ID],
    ]);
    const all = driver.fetch("g", null, { apiVersion: 10 }).value.groups![0]!;
    expect(all.topics.map(({ topicId }) => topicId)).toEqual([topicIdOf("t1")]);
  });

  test("does not show what was committed for a former topic of the same name", () => {
    const remade = { ...ANY_TOPIC };
    const driver = new GroupDriver({ topics: remade }).start();
    driver.commitNow({ apiVersion: 10, offsets: { t1: { 0: 5 } } });
    const request = {
      groupId: "",
      topics: [],
      groups: [
        {
          groupId: "g",
          memberId: null,
          memberEpoch: -1,
          topics: [{ name: "", topicId: "another-topic-of-it--A", partitionIndexes: [0] }],
        },
      ],
      requireStable: false,
    };
    remade.nameOf = () => "t1";
    const { groups = [] } = driver.now(driver.coordinator.fetchOffsets(request, from(10)));
    expect(groups[0]!.topics[0]!.partitions[0]!.committedOffset).toBe(-1);
  });

  test("of topics that are not allowed fails for those, and hides them where all are asked for", () => {
    const driver = filled();
    const context = { ...from(9), topicAllowed: (topic: string) => topic !== "t2" };
    const topics = [
      { name: "t2", topicId: "", partitionIndexes: [3] },
      { name: "t1", topicId: "", partitionIndexes: [0] },
    ];
    const group = { groupId: "g", memberId: null, memberEpoch: -1 };
    const fetch = (wanted: typeof topics | null) => {
      const request = {
        groupId: "",
        topics: [],
        groups: [{ ...group, topics: wanted }],
        requireStable: false,
      };
      return driver.now(driver.coordinator.fetchOffsets(request, context)).groups![0]!.topics;
    };
    expect(fetch(topics).map(({ name, partitions }) => [name, partitions[0]!.errorCode])).toEqual([
      ["t1", NONE],
      ["t2", ErrorCode.TOPIC_AUTHORIZATION_FAILED],
    ]);
    expect(fetch(null).map(({ name }) => name)).toEqual(["t1"]);
  });
});

describe("OffsetDelete", () => {
  function deleted(driver: GroupDriver, topics: Record<string, number[]>, groupId = "g") {
    const request = {
      groupId,
      topics: Object.entries(topics).map(([name, partitions]) => ({
        name,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })),
    };
    const response = driver.now(driver.coordinator.deleteOffsets(request, from(0)));
    const byPartition = response.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => [`${name}-${partitionIndex}`, errorCode]),
    );
    return { errorCode: response.errorCode, ...Object.fromEntries(byPartition) };
  }

  test("forgets offsets of an empty group, and says so of those that were not there too", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 5, 1: 6 } } });
    expect(deleted(driver, { t1: [0, 9] })).toEqual({ errorCode: 0, "t1-0": 0, "t1-9": 0 });
    expect(driver.offsets()).toEqual({ "t1-1": 6 });
    expect(driver.restarted().offsets()).toEqual({ "t1-1": 6 });
  });

  test("is refused for topics that consumers of the group subscribe to", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 5 }, t2: { 0: 6 } } });
    driver.stableGroup(1, { protocols: [{ name: "range", metadata: subscription(["t1"]) }] });
    const subscribed = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
    expect(deleted(driver, { t1: [0], t2: [0] })).toEqual({
      errorCode: 0,
      "t1-0": subscribed,
      "t2-0": 0,
    });
    expect(driver.offsets()).toEqual({ "t1-0": 5 });
  });

  test("of consumers whose subscriptions cannot be read is refused for every topic", () => {
    const driver = new GroupDriver().start();
    driver.stableGroup(1, { protocols: [{ name: "range", metadata: Buffer.from([0]) }] });
    expect(deleted(driver, { t1: [0] })["t1-0"]).toBe(ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
  });

  test("of a group of another protocol type is refused while it has members", () => {
    const driver = new GroupDriver().start();
    const [memberId] = driver.stableGroup(1, { protocolType: "connect" });
    expect(deleted(driver, { t1: [0] })).toEqual({ errorCode: ErrorCode.NON_EMPTY_GROUP });
    driver.leave([{ memberId: memberId! }]);
    expect(deleted(driver, { t1: [0] })).toEqual({ errorCode: 0, "t1-0": 0 });
  });

  test("of unknown groups, topics and partitions is refused", () => {
    const driver = new GroupDriver().start();
    expect(deleted(driver, { t1: [0] })).toEqual({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
    expect(deleted(driver, { t1: [0] }, "")).toEqual({ errorCode: ErrorCode.INVALID_GROUP_ID });
    driver.commitNow({ offsets: { t1: { 0: 5 } } });
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    expect(deleted(driver, { x: [0], t1: [0, 100] })).toEqual({
      errorCode: 0,
      "x-0": unknown,
      "t1-100": unknown,
      "t1-0": 0,
    });
  });
});

describe("a deleted topic", () => {
  test("takes its offsets with it, and those of no other topic of the name", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 5 }, t2: { 0: 6 } } });
    driver.commitNow({ groupId: "h", offsets: { t1: { 4: 5 } } });
    driver.now(driver.coordinator.topicsDeleted([{ name: "t2", id: "a-younger-topic-of-itA" }]));
    expect(driver.offsets()).toEqual({ "t1-0": 5, "t2-0": 6 });
    driver.now(driver.coordinator.topicsDeleted([{ name: "t1", id: topicIdOf("t1") }]));
    expect(driver.offsets()).toEqual({ "t2-0": 6 });
    expect(driver.offsets("h")).toEqual({});
    expect(driver.restarted().offsets()).toEqual({ "t2-0": 6 });
  });

  test("with more offsets than fit into one batch is spread over several", () => {
    const driver = new GroupDriver().start();
    const partitions = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [index, index]),
    );
    driver.commitNow({ offsets: { t1: partitions } });
    driver.log.batchSizeMax = 1_000;
    driver.now(driver.coordinator.topicsDeleted([{ name: "t1", id: topicIdOf("t1") }]));
    expect(driver.offsets()).toEqual({});
    expect(driver.log.batches.length).toBeGreaterThan(5);
    expect(driver.log.batches.slice(1).every((batch) => batch.length <= 1_000)).toBe(true);
  });
});
