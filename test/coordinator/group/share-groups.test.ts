import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { MemoryShareState } from "../share/memory-share-state.ts";
import { had, ShareGroupDriver, SilentShareState } from "./share-groups-driver.ts";

describe("a member of a share group", () => {
  test("is given what has a state, once it has one", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    const first = driver.beat("m");
    expect(first).toMatchObject({ memberEpoch: 2, assignment: { topicPartitions: [] } });
    const keys = driver.shareState.calls.map((call) => call.split(" ")[0]);
    expect(keys).toEqual(["initialize", "initialize", "initialize"]);
    const second = driver.beat("m", 2);
    expect(had(driver, second)).toEqual(["a: 0,1,2"]);
    expect(driver.beat("m", second.memberEpoch).assignment).toBeNull();
    expect(driver.shareState.calls).toHaveLength(3);
  });

  test("shares partitions with others, and nobody waits for anybody", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    driver.joins("m1", ["b"]);
    driver.joins("m2", ["b"]);
    const { members } = driver.described();
    for (const { assignment } of members) {
      expect(assignment.topicPartitions).toMatchObject([{ topicName: "b", partitions: [0] }]);
    }
  });

  test("is what it was after a restart, as is its group", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    driver.joins("m1", ["a", "b"]);
    driver.joins("m2", ["a"]);
    driver.beat("m1", driver.beat("m1", 0, ["a", "b"]).memberEpoch);
    const before = driver.described();
    const after = driver.restarted();
    expect(after.described()).toEqual(before);
    expect(after.startOffsets()).toEqual(driver.restarted().startOffsets());
    const { memberEpoch } = before.members.find(({ memberId }) => memberId === "m1")!;
    const callCount = after.shareState.calls.length;
    expect(after.beat("m1", memberEpoch)).toMatchObject({ errorCode: 0, memberEpoch });
    expect(after.shareState.calls).toHaveLength(callCount);
  });

  test("that is silent for too long is removed, after a restart too", () => {
    const driver = new ShareGroupDriver().start();
    driver.joins("m");
    driver.clock.advance(40_000);
    const after = driver.restarted();
    after.clock.advance(44_000);
    expect(after.described().groupState).toBe("Stable");
    after.clock.advance(1_001);
    expect(after.described()).toMatchObject({ groupState: "Empty", members: [] });
    expect(after.beat("m", 3).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    // What the group has read, it still has read.
    expect(after.startOffsets()).toHaveLength(3);
  });

  test("finds the group full, unless it is in it", () => {
    const share = { ...atOnce().share, maxSize: 1 };
    const driver = new ShareGroupDriver({ config: { share } }).start();
    driver.beat("m1");
    expect(driver.beat("m2").errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(driver.beat("m1").errorCode).toBe(ErrorCode.NONE);
  });

  test("is given a partition that its topic gets later", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    let { memberEpoch } = driver.joins("m");
    driver.coordinator.topicsChanged(driver.fakeTopics.grow("a", 4));
    ({ memberEpoch } = driver.beat("m", memberEpoch));
    expect(had(driver, driver.beat("m", memberEpoch))).toEqual(["a: 0,1,2,3"]);
  });
});

describe("the state of share partitions", () => {
  test("is asked for again where the share coordinator could not begin it", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    driver.shareState.errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const { memberEpoch } = driver.beat("m");
    expect(driver.startOffsets()).toEqual([]);
    driver.shareState.errorCode = ErrorCode.NONE;
    driver.beat("m", memberEpoch);
    expect(driver.startOffsets()).toEqual(["a-0 -1 -1", "a-1 -1 -1", "a-2 -1 -1"]);
    expect(had(driver, driver.beat("m", memberEpoch))).toEqual(["a: 0,1,2"]);
  });

  test("is asked for again where nobody has answered for long", () => {
    const shareState = new SilentShareState();
    const driver = new ShareGroupDriver({ config: atOnce(), shareState }).start();
    driver.beat("m");
    driver.beat("m", 2);
    expect(shareState.calls).toHaveLength(3);
    shareState.isSilent = false;
    driver.clock.advance(30_000);
    driver.beat("m", 2);
    expect(shareState.calls).toHaveLength(6);
    expect(had(driver, driver.beat("m", 2))).toEqual(["a: 0,1,2"]);
  });

  test("is forgotten with the topic", () => {
    const driver = new ShareGroupDriver({ config: atOnce() }).start();
    driver.joins("m", ["a", "b"]);
    const id = driver.fakeTopics.idOf("b")!;
    driver.fakeTopics.delete("b");
    void driver.coordinator.topicsDeleted([{ name: "b", id }]);
    driver.clock.settle();
    driver.fakeTopics.byName.set("b", { id, partitionCount: 1 });
    expect(driver.restarted().startOffsets().join()).not.toContain("b-0");
  });
});

describe("an administrator", () => {
  test("sets where a group begins, and sees how far it is from there", () => {
    const driver = new ShareGroupDriver().start();
    expect(driver.alter({ a: { 0: 40, 9: 1 } }).responses[0]!.partitions).toEqual([
      { partitionIndex: 0, errorCode: ErrorCode.NONE, errorMessage: null },
      {
        partitionIndex: 9,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: "This server does not host this topic-partition.",
      },
    ]);
    const state = driver.shareState.states.values().next().value!;
    expect(state.startOffset).toBe(40);
    driver.shareState.states.set([...driver.shareState.states.keys()][0]!, {
      ...state,
      deliveryCompleteCount: 5,
    });
    expect(driver.startOffsets()).toEqual(["a-0 40 55"]);
    expect(driver.restarted().startOffsets()).toEqual(["a-0 40 55"]);
  });

  test("is told what the share coordinator says, partition by partition", () => {
    const driver = new ShareGroupDriver().start();
    driver.shareState.errorCode = ErrorCode.FENCED_STATE_EPOCH;
    expect(driver.alter({ b: { 0: 1 } }).responses[0]!.partitions).toEqual([
      {
        partitionIndex: 0,
        errorCode: ErrorCode.FENCED_STATE_EPOCH,
        errorMessage: "as the test wants",
      },
    ]);
    expect(driver.startOffsets()).toEqual([]);
  });

  test("gets Kafka's words for a partition that there cannot be", () => {
    const driver = new ShareGroupDriver().start();
    const answer = driver.alter({ b: { [-1]: 1 } });
    const id = driver.fakeTopics.idOf("b");
    expect(answer).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
      errorMessage: `Initialize share group parameters has invalid partitionId - g ${id} -1`,
    });
    expect(driver.log.batches).toHaveLength(0);
  });

  test("deletes offsets, or as many as the share coordinator lets go", () => {
    const driver = new ShareGroupDriver().start();
    driver.alter({ a: { 0: 1 }, b: { 0: 2 } });
    driver.shareState.errorCode = ErrorCode.NOT_COORDINATOR;
    expect(driver.deleteOffsets("a").responses).toMatchObject([
      { topicName: "a", errorCode: ErrorCode.NOT_COORDINATOR },
    ]);
    driver.shareState.errorCode = ErrorCode.NONE;
    // It is half deleted: neither read any more, nor forgotten.
    const after = driver.restarted();
    expect(after.startOffsets()).toEqual(["b-0 2 98"]);
    expect(after.deleteOffsets("a").responses).toMatchObject([{ topicName: "a", errorCode: 0 }]);
    expect(after.deleteOffsets("a").responses).toMatchObject([
      { errorMessage: "There is no offset information to delete." },
    ]);
  });

  test("deletes a group once the share coordinator has forgotten it", () => {
    const driver = new ShareGroupDriver().start();
    const { memberEpoch } = driver.joins("m");
    expect(driver.delete("g")).toEqual({ g: ErrorCode.NON_EMPTY_GROUP });
    driver.beat("m", memberEpoch < 0 ? 0 : -1);
    driver.shareState.errorCode = ErrorCode.NOT_COORDINATOR;
    expect(driver.delete("g")).toEqual({ g: ErrorCode.NOT_COORDINATOR });
    expect(driver.list()).toEqual(["g"]);
    driver.shareState.errorCode = ErrorCode.NONE;
    const after = driver.restarted();
    expect(after.delete("g")).toEqual({ g: ErrorCode.NONE });
    expect(after.shareState.states.size).toBe(0);
    expect(after.restarted().list()).toEqual([]);
  });
});

test("whatever happens, a restart changes nothing, and calm comes to an assignment", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const shareState = new MemoryShareState();
    let driver = new ShareGroupDriver({ seed, config: atOnce(), shareState }).start();
    const { random } = driver;
    const epochs = new Map<string, number>();
    for (let step = 0; step < 80; step++) {
      const memberId = `m${random.below(4)}`;
      const kind = random.below(100);
      if (kind < 60) {
        const names = random.chance(0.3) ? [random.pick(["a", "b", "c"])] : null;
        const epoch = epochs.get(memberId) ?? 0;
        const answer = driver.beat(memberId, epoch, epoch === 0 ? ["a"] : names);
        epochs.set(memberId, answer.errorCode === ErrorCode.NONE ? answer.memberEpoch : 0);
      } else if (kind < 68) {
        driver.beat(memberId, -1);
        epochs.delete(memberId);
      } else if (kind < 76) {
        const count = driver.fakeTopics.partitionCountOf("c");
        const change =
          count === null
            ? driver.fakeTopics.create("c", 2)
            : driver.fakeTopics.grow("c", count + 1);
        driver.coordinator.topicsChanged(change);
      } else if (kind < 84) {
        shareState.errorCode = random.chance(0.3) ? ErrorCode.NOT_COORDINATOR : ErrorCode.NONE;
      } else if (kind < 90) driver.clock.advance(random.pick([10, 20_000, 50_000]));
      else {
        const before = driver.described();
        driver = driver.restarted();
        expect(sorted(driver.described())).toEqual(sorted(before));
      }
    }
    shareState.errorCode = ErrorCode.NONE;
    driver.clock.advance(100_000);
    let { memberEpoch } = driver.beat("last", 0, ["a", "b"]);
    for (let round = 0; round < 4; round++) ({ memberEpoch } = driver.beat("last", memberEpoch));
    expect(had(driver, driver.beat("last", memberEpoch, ["a", "b"]))).toEqual(["a: 0,1,2", "b: 0"]);
  }
});

function sorted({ members, ...group }: ReturnType<ShareGroupDriver["described"]>) {
  return {
    ...group,
    members: [...members].sort((one, other) => (one.memberId < other.memberId ? -1 : 1)),
  };
}

/** No time between two assignments. */
function atOnce() {
  return {
    share: {
      maxSize: 200,
      initializeRetryIntervalMs: 30_000,
      sessionTimeoutMs: () => 45_000,
      heartbeatIntervalMs: () => 5_000,
      assignmentIntervalMs: () => 0,
    },
  };
}
