import { describe, expect, test } from "bun:test";
import { StreamsStatus } from "../../../src/coordinator/group/streams-status.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { internalTopic, PLAIN, subtopology } from "../../api/scenarios/streams-kit.ts";
import { FakeTopics } from "./consumer-driver.ts";
import {
  active,
  codesIn,
  NO_TASKS,
  STATEFUL,
  StreamsDriver,
  streamsConfig,
  tasksIn,
} from "./streams-driver.ts";

const SESSION_MS = 45_000;

describe("a member of a streams group", () => {
  test("gets all tasks when it is alone, and hears of them once", () => {
    const driver = new StreamsDriver().start();
    const joined = driver.beat("m");
    expect([joined.errorCode, joined.memberEpoch, tasksIn(joined.activeTasks)]).toEqual([
      ErrorCode.NONE,
      2,
      "0: 0,1,2,3",
    ]);
    expect(driver.beat("m", { memberEpoch: 2 }).activeTasks ?? null).toBeNull();
    expect(driver.epochs()).toEqual(["Stable", 2, 2]);
  });

  test("gives back what another shall have before that one gets it", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m1");
    expect(tasksIn(driver.beat("m2").activeTasks)).toBe("");
    const told = driver.beat("m1", { memberEpoch: 2 });
    expect([told.memberEpoch, tasksIn(told.activeTasks)]).toEqual([2, "0: 0,1"]);
    expect(tasksIn(driver.beat("m2", { memberEpoch: 3, ...active() }).activeTasks)).toBeNull();
    expect(driver.beat("m1", { memberEpoch: 2, ...active(0, 1, 2, 3) }).memberEpoch).toBe(2);
    expect(driver.beat("m1", { memberEpoch: 2, ...active(0, 1) }).memberEpoch).toBe(3);
    const got = driver.beat("m2", { memberEpoch: 3, ...active() });
    expect(tasksIn(got.activeTasks)).toBe("0: 2,3");
    expect(driver.epochs()).toEqual(["Stable", 3, 3]);
  });

  test("is removed when it is silent, or keeps what it must give back", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m1");
    driver.beat("m2");
    driver.clock.advance(SESSION_MS - 1);
    driver.beat("m1", { memberEpoch: 2 });
    driver.clock.advance(1);
    expect(driver.memberIds()).toEqual(["m1"]);
    driver.beat("m3");
    driver.beat("m1", { memberEpoch: 2 });
    for (let elapsedMs = 0; elapsedMs < 30_000; elapsedMs += 5_000) {
      driver.beat("m1", { memberEpoch: 2, ...active(0, 1, 2, 3) });
      driver.beat("m3", { memberEpoch: driver.describeStreams().assignmentEpoch });
      driver.clock.advance(5_000);
    }
    expect(driver.memberIds()).toEqual(["m3"]);
  });

  test("of the same process never gets a task that the process still has in another way", () => {
    const config = { streams: streamsConfig({ standbyCount: () => 1 }) };
    const driver = new StreamsDriver({ config }).start();
    const stateful = { topology: STATEFUL };
    driver.beat("m1", stateful);
    driver.beat("m2", stateful);
    driver.beat("m1", { memberEpoch: 2 });
    driver.beat("m1", { memberEpoch: 2, ...active(0, 1) });
    const second = driver.beat("m2", { memberEpoch: 3, ...NO_TASKS });
    expect([tasksIn(second.activeTasks), tasksIn(second.standbyTasks)]).toEqual([
      "0: 2,3",
      "0: 0,1",
    ]);
    driver.beat("m1", { memberEpoch: -1 });
    // All are to be active at m2: those that it has as standbys must go first.
    const told = driver.beat("m2", { memberEpoch: 3 });
    expect([tasksIn(told.activeTasks), tasksIn(told.standbyTasks)]).toEqual(["0: 2,3", ""]);
    driver.beat("m2", { memberEpoch: 3, ...active(2, 3) });
    const all = driver.beat("m2", { memberEpoch: 4 });
    expect(tasksIn(all.activeTasks)).toBe("0: 0,1,2,3");
  });

  test("waits for others as long as the settings say, and all are assigned together", () => {
    const config = { streams: streamsConfig({ initialRebalanceDelayMs: () => 3_000 }) };
    const driver = new StreamsDriver({ config }).start();
    expect(codesIn(driver.beat("m1"))).toEqual([StreamsStatus.ASSIGNMENT_DELAYED]);
    expect(codesIn(driver.beat("m2"))).toEqual([StreamsStatus.ASSIGNMENT_DELAYED]);
    expect(driver.epochs()).toEqual(["Assigning", 3, 1]);
    driver.clock.advance(3_000);
    expect(driver.epochs()).toEqual(["Reconciling", 3, 3]);
    expect(tasksIn(driver.beat("m1", { memberEpoch: 1, ...NO_TASKS }).activeTasks)).toBe("0: 0,2");
    expect(tasksIn(driver.beat("m2", { memberEpoch: 1, ...NO_TASKS }).activeTasks)).toBe("0: 1,3");
  });

  test("asks the whole application to stop, until nobody is left", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m1");
    driver.beat("m2");
    driver.beat("m1", { memberEpoch: -1, shutdownApplication: true });
    expect(codesIn(driver.beat("m2", { memberEpoch: 3 }))).toEqual([
      StreamsStatus.SHUTDOWN_APPLICATION,
    ]);
    driver.beat("m2", { memberEpoch: -1 });
    expect(codesIn(driver.beat("m3"))).toEqual([]);
  });

  test("of another protocol is sent away, and an empty group may change its protocol", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m");
    expect(driver.join().value.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    driver.beat("m", { memberEpoch: -1 });
    expect(driver.join().value.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(driver.describeStreams().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(driver.beat("m").errorCode).toBe(ErrorCode.NONE);
    expect(driver.restarted().memberIds()).toEqual(["m"]);
  });
});

describe("topics of a streams group", () => {
  test("are asked for while they are missing, and tasks are given out once they are there", () => {
    const driver = new StreamsDriver({ topics: new FakeTopics({ t: 4 }) }).start();
    const { response, missingTopics } = driver.answer("m", { topology: STATEFUL });
    expect(codesIn(response)).toEqual([StreamsStatus.MISSING_INTERNAL_TOPICS]);
    expect(missingTopics).toEqual([
      { name: "c", partitionCount: 4, replicationFactor: -1, configs: [] },
    ]);
    expect(driver.epochs()[0]).toBe("NotReady");
    driver.coordinator.topicsChanged(driver.topics.create("c", 4));
    const { memberEpoch } = response;
    const after = driver.beat("m", { memberEpoch, ...NO_TASKS });
    expect([codesIn(after), tasksIn(after.activeTasks)]).toEqual([[], "0: 0,1,2,3"]);
  });

  test("that grow or go bring another epoch", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m");
    driver.coordinator.topicsChanged(driver.topics.grow("t", 6));
    const grown = driver.beat("m", { memberEpoch: 2, ...active(0, 1, 2, 3) });
    expect([grown.memberEpoch, tasksIn(grown.activeTasks)]).toEqual([3, "0: 0,1,2,3,4,5"]);
    driver.coordinator.topicsChanged(driver.topics.delete("t"));
    const gone = driver.beat("m", { memberEpoch: 3 });
    expect(codesIn(gone)).toEqual([StreamsStatus.MISSING_SOURCE_TOPICS]);
    expect(tasksIn(gone.activeTasks)).toBe("");
    expect(driver.epochs()[0]).toBe("NotReady");
  });

  test("of others are of no interest", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m");
    driver.coordinator.topicsChanged(driver.topics.create("other", 4));
    expect(driver.beat("m", { memberEpoch: 2 }).memberEpoch).toBe(2);
  });
});

describe("a streams group after a restart", () => {
  test("has its members, tasks and topology, and goes on", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m1", { userEndpoint: { host: "h", port: 1 }, rackId: "r" });
    driver.beat("m2", { clientTags: [{ key: "k", value: "v" }] });
    driver.beat("m1", { memberEpoch: 2 });
    const after = driver.restarted();
    expect(after.describeStreams()).toEqual(driver.describeStreams());
    expect(after.beat("m1", { memberEpoch: 2, ...active(0, 1) }).memberEpoch).toBe(3);
    expect(tasksIn(after.beat("m2", { memberEpoch: 3 }).activeTasks)).toBe("0: 2,3");
  });

  test("counts sessions anew, and what must be given back", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m1");
    driver.beat("m2");
    driver.beat("m1", { memberEpoch: 2 });
    const after = driver.restarted();
    after.clock.advance(30_000);
    expect(after.memberIds()).toEqual(["m2"]);
    after.clock.advance(15_000);
    expect(after.memberIds()).toEqual([]);
  });

  test("is deleted with its offsets, for good", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m");
    const commit = { memberId: "m", generationIdOrMemberEpoch: 2, offsets: { t: { 0: 5 } } };
    expect(driver.commitNow(commit)).toEqual({ "t-0": ErrorCode.NONE });
    const remove = () => driver.now(driver.coordinator.deleteGroups({ groupsNames: ["g"] }));
    expect(remove().results[0]!.errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    driver.beat("m", { memberEpoch: -1 });
    expect(remove().results[0]!.errorCode).toBe(ErrorCode.NONE);
    const after = driver.restarted();
    expect(after.describeStreams().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(after.offsets()).toEqual({});
  });
});

describe("offsets of a streams group", () => {
  test("are taken of an earlier epoch for tasks that the member has had since then", () => {
    const driver = new StreamsDriver().start();
    driver.beat("m");
    driver.beat("m", { memberEpoch: 2, rackId: "elsewhere" });
    const commit = (epoch: number, partition = 0, memberId = "m") =>
      driver.commitNow({
        memberId,
        generationIdOrMemberEpoch: epoch,
        offsets: { t: { [partition]: 5 } },
      })[`t-${partition}`];
    expect(commit(3)).toBe(ErrorCode.NONE);
    expect(commit(2)).toBe(ErrorCode.NONE);
    expect(commit(1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(4)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(3, 0, "nobody")).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const inTransaction = driver.commitInTransaction({
      memberId: "m",
      generationId: 1,
      offsets: { t: { 0: 5 } },
    });
    expect(inTransaction.value).toEqual({ "t-0": ErrorCode.ILLEGAL_GENERATION });
  });
});

describe("what no client should say", () => {
  test("is refused, and leaves no group behind", () => {
    const driver = new StreamsDriver().start();
    const name = "x".repeat(40_000);
    const far = subtopology("0", {
      repartitionSourceTopics: [internalTopic("r", { partitions: 2_147_483_647 })],
    });
    const wrong = [
      { clientTags: [1, 2].map(() => ({ key: "k", value: "v" })) },
      { topology: { epoch: -1, subtopologies: [] } },
      { topology: { epoch: 0, subtopologies: [subtopology("a"), subtopology("a")] } },
      { topology: { epoch: 0, subtopologies: [subtopology("a")] } },
      { processId: name },
      { activeTasks: null },
      { memberEpoch: 5 },
      { memberEpoch: -5 },
    ];
    for (const given of wrong) expect(driver.beat("m", given).errorCode).not.toBe(ErrorCode.NONE);
    expect(driver.describeStreams().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    // More of everything than a call takes arguments.
    const many = Array.from({ length: 300_000 }, () => "t");
    const wide = subtopology("0", { sourceTopics: many, repartitionSinkTopics: many });
    const topology = { epoch: 0, subtopologies: [wide] };
    expect(driver.beat("m", { groupId: "wide", topology }).errorCode).toBe(
      ErrorCode.UNKNOWN_SERVER_ERROR,
    );
    // As many partitions as a number can say: nothing is made of them before they are there.
    const answer = driver.answer("m", { topology: { epoch: 0, subtopologies: [far] } });
    expect(answer.missingTopics.map(({ partitionCount }) => partitionCount)).toEqual([
      2_147_483_647,
    ]);
    expect(driver.beat("m", { topology: { ...PLAIN, epoch: 1 } }).errorCode).toBe(
      ErrorCode.INVALID_REQUEST,
    );
  });
});
