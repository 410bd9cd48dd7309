import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../src/protocol/messages/16-list-groups.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { createPartitions } from "../../../src/protocol/messages/37-create-partitions.ts";
import { deleteGroups } from "../../../src/protocol/messages/42-delete-groups.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { offsetDelete } from "../../../src/protocol/messages/47-offset-delete.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { shareGroupHeartbeat } from "../../../src/protocol/messages/76-share-group-heartbeat.ts";
import { shareGroupDescribe } from "../../../src/protocol/messages/77-share-group-describe.ts";
import { writeShareGroupState } from "../../../src/protocol/messages/85-write-share-group-state.ts";
import { describeShareGroupOffsets } from "../../../src/protocol/messages/90-describe-share-group-offsets.ts";
import { alterShareGroupOffsets } from "../../../src/protocol/messages/91-alter-share-group-offsets.ts";
import { deleteShareGroupOffsets } from "../../../src/protocol/messages/92-delete-share-group-offsets.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import type { Asker, Scenario } from "../asker.ts";
import { beat as beatConsumer, beating as beatingConsumer } from "./consumer-groups.ts";
import { awaitCoordinator } from "./groups.ts";
import { append, makeTopic } from "./prepare.ts";
import { awaitShareCoordinator, SHARE_STATE_SETTINGS } from "./share-state.ts";

const GROUP_RESOURCE = 32;

export const SHARE_GROUP_SETTINGS = {
  ...SHARE_STATE_SETTINGS,
  "offsets.topic.num.partitions": "1",
  // Every change is assigned at once: what is answered does not hang on the time it takes.
  "group.share.assignment.interval.ms": "0",
};

type Heartbeat = Input<typeof shareGroupHeartbeat.request>;

/** A member that joins, unless `rest` says otherwise. */
function beating(groupId: string, memberId: string, rest: Partial<Heartbeat> = {}): Heartbeat {
  const isJoin = (rest.memberEpoch ?? 0) === 0;
  return {
    groupId,
    memberId,
    memberEpoch: 0,
    ...(isJoin && { subscribedTopicNames: ["t"] }),
    ...rest,
  };
}

async function beat(asker: Asker, request: Heartbeat, label: string) {
  return (await asker.ask(shareGroupHeartbeat, 1, request, label, ({ assignment }) => {
    for (const { partitions } of assignment?.topicPartitions ?? [])
      partitions.sort((a, b) => a - b);
  }))!;
}

function describe(asker: Asker, label: string, ...groupIds: string[]) {
  const request = { groupIds, includeAuthorizedOperations: false };
  return asker.ask(shareGroupDescribe, 1, request, label, ({ groups }) => {
    for (const { assignment } of groups.flatMap(({ members }) => members)) {
      for (const { partitions } of assignment.topicPartitions) partitions.sort((a, b) => a - b);
    }
  });
}

/** Until the share coordinator has begun a state of so many partitions of the group. */
async function awaitState(asker: Asker, groupId: string, partitionCount: number): Promise<void> {
  await asker.until(async () => {
    const request = { groups: [{ groupId, topics: null }] };
    const { groups } = await asker.quietly(describeShareGroupOffsets, 1, request);
    const counts = groups[0]!.topics.map(({ partitions }) => partitions.length);
    return counts.reduce((sum, count) => sum + count, 0) === partitionCount;
  });
}

export const shareGroupsScenario: Scenario = {
  name: "share-groups",
  settings: { ...SHARE_GROUP_SETTINGS, "group.share.max.size": "3" },
  async run(asker) {
    const topicId = await makeTopic(asker, "t", 2);
    await awaitCoordinator(asker);
    await awaitShareCoordinator(asker, topicId);
    await awaitShareCoordinator(asker, topicId, 1);
    await askWrongly(asker);
    await liveOneLife(asker);
    await shareWithOthers(asker);
    await beOfAnotherKind(asker);
    await configure(asker);
    await askOddly(asker);
  },
};

export const shareOffsetsScenario: Scenario = {
  name: "share-offsets",
  settings: SHARE_GROUP_SETTINGS,
  async run(asker) {
    const topicId = await makeTopic(asker, "t", 2);
    await makeTopic(asker, "u", 1);
    await awaitCoordinator(asker);
    await awaitShareCoordinator(asker, topicId);
    await awaitShareCoordinator(asker, topicId, 1);
    await append(asker, "t", 0, { timestamps: Array.from({ length: 10 }, () => 1) });
    await askForOffsets(asker);
    await alterOffsets(asker, topicId);
    await deleteOffsets(asker);
    await changeTopics(asker);
    await deleteTheGroups(asker);
  },
};

export const shareDisabledScenario: Scenario = {
  name: "share-disabled",
  settings: SHARE_GROUP_SETTINGS,
  async run(asker) {
    await makeTopic(asker, "t", 2);
    await awaitCoordinator(asker);
    await asker.quietly(updateFeatures, 1, {
      featureUpdates: [{ feature: "share.version", maxVersionLevel: 0, upgradeType: 2 }],
    });
    await beat(asker, beating("g", "m"), "");
    await describe(asker, "", "g", "h");
    await offsets(asker, "", "g", { t: [0] });
    await alter(asker, "", "g", { t: { 0: 0 } });
    await deleteOffsetsOf(asker, "", "g", "t");
  },
};

async function askWrongly(asker: Asker): Promise<void> {
  const wrong: Partial<Heartbeat>[] = [
    { groupId: "" },
    { groupId: " " },
    { memberId: "" },
    { memberId: " " },
    { memberId: "x".repeat(36) },
    { memberId: "x".repeat(37) },
    { rackId: "" },
    { rackId: " " },
    { subscribedTopicNames: null },
    { subscribedTopicNames: [] },
    { memberEpoch: -1 },
    { memberEpoch: -2 },
    { memberEpoch: 7 },
    { memberEpoch: 2_147_483_647 },
  ];
  for (const rest of wrong) {
    await beat(asker, beating("wrong", "m", rest), JSON.stringify(rest));
  }
  await beat(asker, beating("absent", "m", { memberEpoch: -1 }), "leaves what is not there");
  await beat(asker, beating("absent", "m", { memberEpoch: 3 }), "lives in what is not there");
  await describe(asker, "absent", "absent", "", "absent");
  await describe(asker, "none");
}

async function liveOneLife(asker: Asker): Promise<void> {
  await beat(asker, beating("g", "m1"), "joins");
  await awaitState(asker, "g", 2);
  await describe(asker, "before it has anything", "g");
  await beat(asker, beating("g", "m1", { memberEpoch: 2 }), "is given all");
  await beat(asker, beating("g", "m1", { memberEpoch: 3 }), "goes on");
  await beat(asker, beating("g", "m1", { memberEpoch: 2 }), "the epoch before");
  const full = { memberEpoch: 3, subscribedTopicNames: ["t"] };
  await beat(asker, beating("g", "m1", full), "in full");
  await beat(asker, beating("g", "m1", { memberEpoch: 1 }), "too old");
  await beat(asker, beating("g", "m1", { memberEpoch: 4 }), "too new");
  await beat(asker, beating("g", "m1", { memberEpoch: 3, rackId: "r" }), "on a rack");
  await describe(asker, "with all", "g");
  const request = { groupIds: ["g", "absent"], includeAuthorizedOperations: true };
  await asker.ask(shareGroupDescribe, 1, request, "operations");
  await beat(asker, beating("g", "m1"), "joins again");
  await beat(asker, beating("g", "nobody", { memberEpoch: 3 }), "somebody else");
  await beat(asker, beating("g", "nobody", { memberEpoch: -1 }), "somebody else leaves");
  await beat(asker, beating("g", "m1", { memberEpoch: -1 }), "leaves");
  await beat(asker, beating("g", "m1", { memberEpoch: -1 }), "leaves again");
  await describe(asker, "nobody left", "g");
  await asker.ask(listGroups, 5, { statesFilter: [], typesFilter: ["share"] }, "all");
  await asker.ask(listGroups, 5, { statesFilter: ["empty"], typesFilter: [] }, "empty");
  await asker.ask(listGroups, 4, { statesFilter: ["Stable"] }, "stable");
}

async function shareWithOthers(asker: Asker): Promise<void> {
  await beat(asker, beating("g", "m1"), "the first");
  await beat(asker, beating("g", "m2"), "the second");
  await beat(asker, beating("g", "m1", { memberEpoch: 5 }), "the first follows");
  await beat(asker, beating("g", "m3", { subscribedTopicNames: ["absent"] }), "the third");
  await beat(asker, beating("g", "m4"), "one too many");
  await beat(asker, beating("g", "m3", { memberEpoch: 9, subscribedTopicNames: ["t"] }), "lost");
  await describe(asker, "three members", "g");
  const none = { memberEpoch: 7, subscribedTopicNames: [] };
  await beat(asker, beating("g", "m3", none), "reads nothing");
  const both = { memberEpoch: 8, subscribedTopicNames: ["t", "absent", "t"] };
  await beat(asker, beating("g", "m3", both), "reads two");
  for (const memberId of ["m1", "m2", "m3"]) {
    await beat(asker, beating("g", memberId, { memberEpoch: -1 }), `${memberId} leaves`);
  }
  await describe(asker, "all gone", "g");
}

async function beOfAnotherKind(asker: Asker): Promise<void> {
  await asker.ask(describeGroups, 6, { groups: ["g"] });
  await asker.ask(describeGroups, 5, { groups: ["g"] });
  const protocols = [{ name: "range", metadata: Buffer.alloc(0) }];
  const joining = {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "",
  };
  await asker.ask(joinGroup, 9, { ...joining, protocolType: "consumer", protocols });
  const member = { groupId: "g", memberId: "m1", generationId: 1 };
  await asker.ask(heartbeat, 4, member);
  await asker.ask(syncGroup, 5, {
    ...member,
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  });
  await asker.ask(leaveGroup, 5, { groupId: "g", members: [{ memberId: "m1" }] });
  await beatConsumer(asker, beatingConsumer("g", "m1"), "a consumer");
  await beatConsumer(asker, beatingConsumer("g", "m1", { memberEpoch: -1 }), "a consumer leaves");
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
  const topics = [{ name: "t", partitions }];
  await asker.ask(offsetCommit, 9, { groupId: "g", memberId: "", topics }, "of nobody");
  await asker.ask(offsetCommit, 8, { groupId: "g", memberId: "", topics }, "of nobody");
  const generation = { generationIdOrMemberEpoch: 1, memberId: "m1" };
  for (const version of [8, 9]) {
    await asker.ask(offsetCommit, version, { groupId: "g", ...generation, topics }, "of a member");
  }
  const wanted = [{ name: "t", partitionIndexes: [0] }];
  await asker.ask(offsetFetch, 8, { groups: [{ groupId: "g", topics: wanted }] });
  await asker.ask(offsetFetch, 9, {
    groups: [{ groupId: "g", memberId: "m1", memberEpoch: 1, topics: null }],
  });
  await asker.ask(offsetDelete, 0, {
    groupId: "g",
    topics: [{ name: "t", partitions: [{ partitionIndex: 0 }] }],
  });
  await beatConsumer(asker, beatingConsumer("consumers", "m1"), "another group");
  await beat(asker, beating("consumers", "m1"), "joins consumers");
  await beat(asker, beating("consumers", "m1", { memberEpoch: -1 }), "leaves consumers");
  await describe(asker, "of consumers", "consumers");
  await alter(asker, "of consumers", "consumers", { t: { 0: 0 } });
  await deleteOffsetsOf(asker, "of consumers", "consumers", "t");
  await offsets(asker, "of consumers", "consumers", null);
}

async function configure(asker: Asker): Promise<void> {
  const configs = [
    { name: "share.heartbeat.interval.ms", configOperation: 0, value: "7000" },
    { name: "share.session.timeout.ms", configOperation: 0, value: "50000" },
  ];
  await asker.ask(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: GROUP_RESOURCE, resourceName: "own", configs }],
    validateOnly: false,
  });
  const own = beating("own", "m", { subscribedTopicNames: ["absent"] });
  await asker.until(async () => {
    const answer = await asker.quietly(shareGroupHeartbeat, 1, own);
    return answer.heartbeatIntervalMs === 7_000;
  });
  await beat(asker, own, "with an interval of its own");
}

/** What no client would say, and is no reason to be refused. */
async function askOddly(asker: Asker): Promise<void> {
  const odd: Partial<Heartbeat>[] = [
    { subscribedTopicNames: [""] },
    { subscribedTopicNames: ["/", "x".repeat(300)] },
    { rackId: "a rack", subscribedTopicNames: ["absent"] },
  ];
  for (const [index, rest] of odd.entries()) {
    const group = `odd-${index}`;
    await beat(asker, beating(group, "m", rest), `odd ${index}`);
    await beat(asker, beating(group, "m", { memberEpoch: 2 }), "goes on");
    await describe(asker, `odd ${index}`, group);
  }
}

// ---- Offsets -----------------------------------------------------------------------------------

type Wanted = Readonly<Record<string, readonly number[]>> | null;
type Starts = Readonly<Record<string, Readonly<Record<number, number>>>>;

async function offsets(asker: Asker, label: string, groupId: string, wanted: Wanted, version = 1) {
  const topics =
    wanted &&
    Object.entries(wanted).map(([topicName, partitions]) => ({
      topicName,
      partitions: [...partitions],
    }));
  await asker.ask(describeShareGroupOffsets, version, { groups: [{ groupId, topics }] }, label);
}

async function alter(asker: Asker, label: string, groupId: string, starts: Starts): Promise<void> {
  const topics = Object.entries(starts).map(([topicName, partitions]) => ({
    topicName,
    partitions: Object.entries(partitions).map(([partitionIndex, startOffset]) => ({
      partitionIndex: Number(partitionIndex),
      startOffset,
    })),
  }));
  await asker.ask(alterShareGroupOffsets, 0, { groupId, topics }, label);
}

async function deleteOffsetsOf(asker: Asker, label: string, groupId: string, ...names: string[]) {
  const topics = names.map((topicName) => ({ topicName }));
  await asker.ask(deleteShareGroupOffsets, 0, { groupId, topics }, label);
}

async function askForOffsets(asker: Asker): Promise<void> {
  await offsets(asker, "of no group", "absent", { t: [0, 1] });
  await offsets(asker, "of no group, all", "absent", null);
  await offsets(asker, "nothing", "absent", {});
  await offsets(asker, "oddly", "absent", { absent: [0, -1] });
  await offsets(asker, "of a negative partition", "absent", { t: [0, -1] });
  await offsets(asker, "of no partition", "absent", { t: [0], u: [] });
  await offsets(asker, "of a group without a name", "", { t: [0] });
  await offsets(asker, "of a group without a name, all", "", null);
  await asker.ask(describeShareGroupOffsets, 1, { groups: [] }, "none");
  const groups = ["a", "b", "a"].map((groupId) => ({ groupId, topics: null }));
  await asker.ask(describeShareGroupOffsets, 0, { groups }, "many");
  await beat(asker, beating("g", "m"), "joins");
  await awaitState(asker, "g", 2);
  await offsets(asker, "before anything was read", "g", { t: [0, 1] });
  await offsets(asker, "before anything was read, all", "g", null, 0);
}

async function alterOffsets(asker: Asker, topicId: string): Promise<void> {
  await alter(asker, "of a group with members", "g", { t: { 0: 3 } });
  await beat(asker, beating("g", "m", { memberEpoch: -1 }), "leaves");
  await alter(asker, "of a group", "g", { t: { 0: 3, 7: 1 }, absent: { 0: 1 } });
  await offsets(asker, "after that", "g", { t: [0, 1] });
  await offsets(asker, "after that, all", "g", null);
  await alter(asker, "of a new group", "new", { t: { 1: 0 }, u: { 0: 4 } });
  await describe(asker, "of a new group", "new");
  await offsets(asker, "of a new group", "new", null);
  await alter(asker, "oddly", "new", { t: { 0: -1, 1: -7 } });
  await offsets(asker, "after odd ones", "new", { t: [0, 1] });
  await alter(asker, "of nothing", "nothing", {});
  await alter(asker, "of no partition", "nothing", { t: {} });
  await alter(asker, "of an absent topic", "nothing", { absent: { 0: 1 } });
  await alter(asker, "of an absent partition", "nothing", { t: { 9: 1 } });
  await alter(asker, "without a name", "", { t: { 0: 1 } });
  await describe(asker, "of what was altered without effect", "nothing");
  const state = { stateEpoch: 2, leaderEpoch: 0, startOffset: 5, deliveryCompleteCount: 2 };
  const partitions = [{ partition: 0, ...state, stateBatches: [] }];
  await asker.ask(writeShareGroupState, 1, { groupId: "g", topics: [{ topicId, partitions }] });
  await offsets(asker, "while it reads", "g", { t: [0] });
}

async function deleteOffsets(asker: Asker): Promise<void> {
  await deleteOffsetsOf(asker, "of no group", "absent", "t");
  await deleteOffsetsOf(asker, "without a name", "", "t");
  await deleteOffsetsOf(asker, "of no topic", "g");
  await deleteOffsetsOf(asker, "of others", "g", "u", "absent");
  await beat(asker, beating("g", "m"), "joins");
  await deleteOffsetsOf(asker, "of a group with members", "g", "t");
  await beat(asker, beating("g", "m", { memberEpoch: -1 }), "leaves");
  await deleteOffsetsOf(asker, "of a group", "g", "t", "t", "absent");
  await offsets(asker, "after that, all", "g", null);
  await offsets(asker, "after that", "g", { t: [0, 1] });
  await deleteOffsetsOf(asker, "again", "g", "t");
  await beat(asker, beating("g", "m"), "joins again");
  await awaitState(asker, "g", 2);
  await offsets(asker, "as new", "g", null);
}

async function changeTopics(asker: Asker): Promise<void> {
  const topics = [{ name: "t", count: 3, assignments: null }];
  await asker.quietly(createPartitions, 3, { topics, timeoutMs: 5_000, validateOnly: false });
  await asker.until(async () => {
    await asker.quietly(shareGroupHeartbeat, 1, beating("g", "m"));
    const { groups } = await asker.quietly(describeShareGroupOffsets, 1, {
      groups: [{ groupId: "g", topics: null }],
    });
    return groups[0]!.topics[0]?.partitions.length === 3;
  });
  // The first gives it all of them, unless one of those before came late enough.
  await asker.quietly(shareGroupHeartbeat, 1, beating("g", "m"));
  const answer = await asker.quietly(shareGroupHeartbeat, 1, beating("g", "m"));
  asker.remember("a partition more", answer.assignment);
  await asker.quietly(deleteTopics, 6, {
    topics: [{ name: "t", topicId: ZERO_UUID }],
    timeoutMs: 5_000,
  });
  await awaitState(asker, "g", 0);
  await offsets(asker, "without their topic", "g", null);
  await offsets(asker, "without one of their topics", "new", null);
}

async function deleteTheGroups(asker: Asker): Promise<void> {
  await asker.ask(deleteGroups, 2, { groupsNames: ["g", "new", "absent", "nothing"] }, "all");
  await beat(asker, beating("g", "m", { memberEpoch: -1 }), "leaves");
  await asker.ask(deleteGroups, 2, { groupsNames: ["g"] }, "without members");
  await describe(asker, "deleted", "g", "new");
  await offsets(asker, "of a deleted group", "new", { u: [0] });
  await asker.ask(listGroups, 5, { typesFilter: ["SHARE"] }, "none left");
}
