import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../src/protocol/messages/16-list-groups.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { createPartitions } from "../../../src/protocol/messages/37-create-partitions.ts";
import { deleteGroups } from "../../../src/protocol/messages/42-delete-groups.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { offsetDelete } from "../../../src/protocol/messages/47-offset-delete.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../../../src/protocol/messages/69-consumer-group-describe.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import type { Asker, Scenario } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { isLed, makeTopic } from "./prepare.ts";

const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";
const GROUP_RESOURCE = 32;

export type Heartbeat = Input<typeof consumerGroupHeartbeat.request>;
type Beaten = Value<typeof consumerGroupHeartbeat.response>;

export const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  // Every change is assigned at once: what is answered does not hang on the time it takes.
  "group.consumer.assignment.interval.ms": "0",
};

/** A member that joins, unless `rest` says otherwise. */
export function beating(
  groupId: string,
  memberId: string,
  rest: Partial<Heartbeat> = {},
): Heartbeat {
  const isJoin = (rest.memberEpoch ?? 0) === 0;
  const joining = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ["t"], topicPartitions: [] };
  return { groupId, memberId, memberEpoch: 0, ...(isJoin ? joining : {}), ...rest };
}

export async function beat(
  asker: Asker,
  request: Heartbeat,
  label = "",
  version = 1,
): Promise<Beaten> {
  const inOrder = ({ assignment }: Beaten): void => sortPartitions(assignment);
  return (await asker.ask(consumerGroupHeartbeat, version, request, label, inOrder))!;
}

/** Kafka has them in the order of a HashMap, which hangs on what the member had before. */
function sortPartitions(assignment: Beaten["assignment"]): void {
  for (const { partitions } of assignment?.topicPartitions ?? []) partitions.sort((a, b) => a - b);
}

export function describe(asker: Asker, version: number, label: string, ...groupIds: string[]) {
  const request = { groupIds, includeAuthorizedOperations: false };
  return asker.ask(consumerGroupDescribe, version, request, label, ({ groups }) => {
    for (const { assignment, targetAssignment } of groups.flatMap(({ members }) => members)) {
      sortPartitions(assignment);
      sortPartitions(targetAssignment);
    }
  });
}

export const consumerGroupsScenario: Scenario = {
  name: "consumer-groups",
  settings: SETTINGS,
  async run(asker) {
    const topicId = await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    await askWrongly(asker);
    await liveOneLife(asker, topicId);
    await shareWithAnother(asker, topicId);
    await beStatic(asker, topicId);
    await haveOffsets(asker, topicId);
    await change(asker, topicId);
    await configure(asker);
    await askOddly(asker, topicId);
  },
};

/** What no client would say, and is no reason to be refused. */
async function askOddly(asker: Asker, topicId: string): Promise<void> {
  const odd: Partial<Heartbeat>[] = [
    { subscribedTopicNames: [""] },
    { subscribedTopicNames: ["t", "/", "x".repeat(300)] },
    { subscribedTopicNames: [], subscribedTopicRegex: "" },
    { rebalanceTimeoutMs: 0 },
    { rebalanceTimeoutMs: -7 },
    { rackId: "a rack" },
    { memberEpoch: 2_147_483_647 },
    { memberEpoch: 2, topicPartitions: [{ topicId, partitions: [-1, 0, 0, 2_147_483_647] }] },
    { memberEpoch: 2, topicPartitions: [{ topicId: NOBODYS_ID, partitions: [] }] },
    { memberEpoch: 2, topicPartitions: [0, 0].map(() => ({ topicId, partitions: [1] })) },
    { memberEpoch: 2, rebalanceTimeoutMs: 1 },
    { memberEpoch: 2, rackId: "another" },
    { memberEpoch: 2, instanceId: "late" },
    { memberEpoch: 2, subscribedTopicNames: [] },
    { memberEpoch: 2, subscribedTopicRegex: "" },
    { memberEpoch: -1, subscribedTopicNames: ["t"], topicPartitions: [] },
    { memberEpoch: -2, instanceId: "late" },
  ];
  for (const [index, rest] of odd.entries()) {
    const group = `odd-${index}`;
    if ((rest.memberEpoch ?? 0) !== 0) await beat(asker, beating(group, "m"), "joins");
    await beat(asker, beating(group, "m", rest), `odd ${index}`);
    await beat(asker, beating(group, "m", { memberEpoch: 2 }), "goes on");
    await describe(asker, 1, `odd ${index}`, group);
  }
}

async function askWrongly(asker: Asker): Promise<void> {
  const wrong: Partial<Heartbeat>[] = [
    { groupId: "" },
    { groupId: " " },
    { memberId: "" },
    { memberEpoch: -1, memberId: "" },
    { memberEpoch: -2 },
    { memberEpoch: -2, instanceId: "i" },
    { memberEpoch: -3 },
    { memberEpoch: 7 },
    { memberEpoch: -1 },
    { instanceId: "" },
    { rackId: "" },
    { rebalanceTimeoutMs: -1 },
    { topicPartitions: null },
    { topicPartitions: [{ topicId: NOBODYS_ID, partitions: [0] }] },
    { subscribedTopicNames: null },
    { serverAssignor: "none" },
    { serverAssignor: "" },
    { subscribedTopicNames: null, subscribedTopicRegex: "[" },
    { subscribedTopicNames: null, subscribedTopicRegex: "(?=a)" },
    { subscribedTopicNames: null, subscribedTopicRegex: "a**" },
  ];
  for (const rest of wrong) {
    await beat(asker, beating("wrong", "m", rest), JSON.stringify(rest));
  }
  await beat(asker, beating("wrong", "", { memberEpoch: 3 }), "no id", 0);
  await describe(asker, 0, "absent", "wrong", "", "absent", "wrong");
  await describe(asker, 1, "none");
}

async function liveOneLife(asker: Asker, topicId: string): Promise<void> {
  const first = await beat(asker, beating("v0", ""), "without an id", 0);
  const memberId = first.memberId ?? "";
  const memberEpoch = first.memberEpoch;
  await beat(asker, beating("v0", memberId, { memberEpoch }), "again", 0);
  const owned = [{ topicId, partitions: [0, 1, 2, 3] }];
  const full = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ["t"], topicPartitions: owned };
  await beat(asker, beating("v0", memberId, { memberEpoch, ...full }), "in full", 0);
  const rack = { rackId: "rack", serverAssignor: "range" };
  await beat(asker, beating("v0", memberId, { memberEpoch, ...rack }), "another assignor", 0);
  for (const version of [0, 1]) await describe(asker, version, "one member", "v0");
  const request = { groupIds: ["v0", "absent"], includeAuthorizedOperations: true };
  await asker.ask(consumerGroupDescribe, 1, request, "operations");
  for (const epoch of [1, memberEpoch + 1, memberEpoch - 1]) {
    await beat(asker, beating("v0", memberId, { memberEpoch: epoch }), `epoch ${epoch}`);
  }
  await beat(asker, beating("v0", "nobody", { memberEpoch }), "somebody else");
  await beat(asker, beating("v0", memberId), "joins again");
  await beat(asker, beating("v0", "nobody", { memberEpoch: -1 }), "somebody else leaves");
  await beat(asker, beating("v0", memberId, { memberEpoch: -1 }), "leaves");
  await beat(asker, beating("v0", "m", { memberEpoch: -1 }), "somebody else leaves, too");
  await describe(asker, 1, "nobody left", "v0");
  const nothing = { subscribedTopicNames: [] };
  await beat(asker, beating("nothing", "m", nothing), "reads nothing");
  await describe(asker, 1, "reads nothing", "nothing");
  const absent = { subscribedTopicNames: ["absent", "t", "t"] };
  await beat(
    asker,
    beating("nothing", "m", { memberEpoch: 1, ...absent }),
    "reads an absent topic",
  );
  await describe(asker, 1, "reads an absent topic", "nothing");
}

async function shareWithAnother(asker: Asker, topicId: string): Promise<void> {
  const group = "shared";
  const owned = (...partitions: number[]) => ({
    topicPartitions: partitions.length === 0 ? [] : [{ topicId, partitions }],
  });
  await beat(asker, beating(group, "m1"), "the first");
  await beat(asker, beating(group, "m2"), "the second must wait");
  await describe(asker, 1, "reconciling", group);
  await beat(asker, beating(group, "m1", { memberEpoch: 2 }), "is told to give back");
  await beat(asker, beating(group, "m2", { memberEpoch: 3 }), "still waits");
  await beat(asker, beating(group, "m1", { memberEpoch: 2, ...owned(0, 1, 2, 3) }), "has them");
  await describe(asker, 1, "must give back", group);
  await beat(asker, beating(group, "m1", { memberEpoch: 2, ...owned(0, 1) }), "gives back");
  // It missed the answer: the epoch before is taken where it has no more than it was given.
  await beat(asker, beating(group, "m1", { memberEpoch: 2, ...owned(0, 1) }), "the epoch before");
  await beat(asker, beating(group, "m1", { memberEpoch: 2, ...owned(0, 3) }), "has too much");
  await beat(asker, beating(group, "m2", { memberEpoch: 3 }), "gets them");
  await describe(asker, 1, "stable", group);
  const other = { memberEpoch: 3, subscribedTopicNames: ["t", "u"], ...owned(2, 3) };
  await beat(asker, beating(group, "m2", other), "reads another");
  await beat(asker, beating(group, "m1", { memberEpoch: 3 }), "follows");
  await describe(asker, 1, "another subscription", group);
  const none = { memberEpoch: 4, subscribedTopicNames: [], ...owned(2, 3) };
  await beat(asker, beating(group, "m2", none), "reads nothing any more");
  await beat(asker, beating(group, "m2", { memberEpoch: 4, ...owned() }), "has given back");
  await beat(asker, beating(group, "m1", { memberEpoch: 4 }), "gets all");
  await describe(asker, 1, "in the end", group);
  await asker.ask(describeGroups, 6, { groups: [group], includeAuthorizedOperations: false });
  await asker.ask(describeGroups, 5, { groups: [group], includeAuthorizedOperations: false });
}

async function beStatic(asker: Asker, topicId: string): Promise<void> {
  const instanceId = "i";
  const topicPartitions = [{ topicId, partitions: [0, 1, 2, 3] }];
  await beat(asker, beating("static", "s1", { instanceId }), "joins");
  await beat(asker, beating("static", "s2", { instanceId }), "another of the same instance");
  await beat(asker, beating("static", "s1", { instanceId, memberEpoch: 2, topicPartitions }));
  await beat(asker, beating("static", "s1", { instanceId: "j", memberEpoch: 2 }), "unknown");
  await beat(asker, beating("static", "s2", { instanceId, memberEpoch: 2 }), "fenced");
  await beat(asker, beating("static", "s2", { instanceId, memberEpoch: -2 }), "fenced, leaves");
  await beat(asker, beating("static", "s1", { instanceId, memberEpoch: -2 }), "leaves for a while");
  await describe(asker, 1, "away", "static");
  await beat(asker, beating("static", "s1", { instanceId, memberEpoch: 2 }), "the epoch is gone");
  await beat(asker, beating("static", "s3", { instanceId }), "is back");
  await beat(asker, beating("static", "s1", { instanceId, memberEpoch: 2 }), "its former self");
  await describe(asker, 1, "back", "static");
  await beat(asker, beating("static", "s3", { instanceId, memberEpoch: -1 }), "leaves for good");
  await describe(asker, 1, "gone", "static");
}

async function haveOffsets(asker: Asker, topicId: string): Promise<void> {
  const group = "offsets";
  await beat(asker, beating(group, "m"), "joins");
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "" }];
  const commit = (version: number, memberId: string, generationIdOrMemberEpoch: number) => {
    const named = version >= 10 ? { topicId } : { name: "t" };
    const topics = [{ ...named, partitions }];
    const request = { groupId: group, memberId, generationIdOrMemberEpoch, topics };
    return asker.ask(
      offsetCommit,
      version,
      request,
      `${memberId} in epoch ${generationIdOrMemberEpoch}`,
    );
  };
  for (const version of [8, 9, 10]) {
    for (const epoch of [2, 3, 1, 0, -1]) await commit(version, "m", epoch);
    await commit(version, "nobody", 2);
    await commit(version, "", -1);
  }
  for (const version of [9, 10]) {
    for (const [memberId, memberEpoch] of [
      ["m", 2],
      ["m", 1],
      ["m", 3],
      ["nobody", 2],
      [null, -1],
      ["m", -1],
    ] as const) {
      const named = version >= 10 ? { topicId } : { name: "t" };
      const topics = [{ ...named, partitionIndexes: [0, 1] }];
      const groups = [{ groupId: group, memberId, memberEpoch, topics }];
      await asker.ask(offsetFetch, version, { groups }, `${memberId} in epoch ${memberEpoch}`);
    }
  }
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }];
  await asker.ask(offsetDelete, 0, { groupId: group, topics }, "subscribed");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "has a member");
  await listThem(asker);
  await beat(asker, beating(group, "m", { memberEpoch: -1 }), "leaves");
  await commit(9, "", -1);
  await commit(9, "m", 2);
  await listThem(asker);
  await asker.ask(offsetDelete, 0, { groupId: group, topics }, "empty");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "empty");
  await asker.ask(deleteGroups, 2, { groupsNames: [group] }, "gone");
  await describe(asker, 1, "deleted", group);
}

async function listThem(asker: Asker): Promise<void> {
  const filters = [
    {},
    { typesFilter: ["consumer"] },
    { typesFilter: ["Consumer", "classic"] },
    { statesFilter: ["stable"] },
    { statesFilter: ["Empty"], typesFilter: ["consumer"] },
    { statesFilter: ["reconciling", "ASSIGNING"] },
  ];
  for (const filter of filters) {
    const request = { statesFilter: [], typesFilter: [], ...filter };
    await asker.ask(listGroups, 5, request);
  }
}

async function change(asker: Asker, topicId: string): Promise<void> {
  const group = "changing";
  const names = { subscribedTopicNames: ["t", "new"] };
  await beat(asker, beating(group, "m", names), "before");
  await asker.quietly(createPartitions, 3, {
    topics: [{ name: "t", count: 5, assignments: null }],
    timeoutMs: 5_000,
    validateOnly: false,
  });
  await asker.until(() => isLed(asker, "t", 5));
  await asker.until(() => hasEpoch(asker, group, "m", 3));
  await beat(asker, beating(group, "m", { memberEpoch: 3 }), "with another partition");
  await describe(asker, 1, "with another partition", group);
  const newId = await makeTopic(asker, "new", 2);
  await asker.until(() => hasEpoch(asker, group, "m", 4));
  await describe(asker, 1, "with another topic", group);
  await asker.quietly(deleteTopics, 6, {
    topics: [{ name: null, topicId: newId }],
    timeoutMs: 5_000,
  });
  await asker.until(() => hasEpoch(asker, group, "m", 5));
  await describe(asker, 1, "without it", group);
  const owned = { topicPartitions: [{ topicId, partitions: [0, 1, 2, 3, 4] }] };
  await beat(asker, beating(group, "m", { memberEpoch: 5, ...owned }), "has the rest");
}

/** Sends heartbeats as a member does, giving back at once what it must. */
async function hasEpoch(
  asker: Asker,
  groupId: string,
  memberId: string,
  epoch: number,
): Promise<boolean> {
  const request = beating(groupId, memberId, { memberEpoch: epoch - 1, topicPartitions: [] });
  const answer = await asker.quietly(consumerGroupHeartbeat, 1, request);
  return answer.memberEpoch === epoch;
}

async function configure(asker: Asker): Promise<void> {
  const name = "consumer.heartbeat.interval.ms";
  for (const value of ["6000", "1", "100000", "x"]) {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: "configured", configs }];
    const request = { resources, validateOnly: false };
    await asker.ask(incrementalAlterConfigs, 1, request, value);
  }
  await asker.until(async () => {
    const request = beating("configured", "m");
    const { heartbeatIntervalMs } = await asker.quietly(consumerGroupHeartbeat, 1, request);
    return heartbeatIntervalMs === 6_000;
  });
  await beat(asker, beating("configured", "m"), "its own interval");
}

export const consumerRegexScenario: Scenario = {
  name: "consumer-regex",
  settings: SETTINGS,
  async run(asker) {
    await makeTopic(asker, "foo-1", 1);
    await makeTopic(asker, "foo-2", 2);
    await makeTopic(asker, "bar", 1);
    await awaitCoordinator(asker);
    const names = { subscribedTopicNames: null };
    const joining = { ...names, subscribedTopicRegex: "foo-.*" };
    await beat(asker, beating("r", "m", joining), "by pattern");
    // The topics that match come a moment later.
    await asker.until(async () => {
      const request = { groupIds: ["r"], includeAuthorizedOperations: false };
      const { groups } = await asker.quietly(consumerGroupDescribe, 1, request);
      return groups[0]!.groupEpoch === 2;
    });
    await describe(asker, 1, "matched, not assigned", "r");
    await asker.until(() => hasEpoch(asker, "r", "m", 2));
    await describe(asker, 1, "matched", "r");
    await beat(asker, beating("r", "m", { memberEpoch: 2, subscribedTopicRegex: "[" }), "wrong");
    const both = { ...names, subscribedTopicRegex: "foo-.*", subscribedTopicNames: ["bar"] };
    await beat(asker, beating("r", "n", both), "the same pattern, and a name");
    await beat(asker, beating("r", "m", { memberEpoch: 2, topicPartitions: [] }), "gives back");
    await describe(asker, 1, "two members", "r");
    await beat(
      asker,
      beating("r", "m", { memberEpoch: 3, subscribedTopicRegex: "" }),
      "no pattern",
    );
    await describe(asker, 1, "without a pattern", "r");
    await beat(asker, beating("r", "n", { memberEpoch: -1 }), "leaves");
    await describe(asker, 1, "with nothing", "r");
  },
};

export const consumerLimitsScenario: Scenario = {
  name: "consumer-limits",
  settings: {
    ...SETTINGS,
    "group.consumer.max.size": "2",
    "group.consumer.assignors": "range",
    "group.consumer.migration.policy": "disabled",
  },
  async run(asker) {
    await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    await beat(asker, beating("g", "m1"), "the first");
    await beat(asker, beating("g", "m2"), "the second");
    await beat(asker, beating("g", "m3"), "one too many");
    await beat(asker, beating("g", "m2"), "joins again");
    await beat(asker, beating("g", "m1", { memberEpoch: 2, serverAssignor: "uniform" }));
    await describe(asker, 1, "by range", "g");
  },
};

export const consumerDisabledScenario: Scenario = {
  name: "consumer-disabled",
  settings: SETTINGS,
  async run(asker) {
    await makeTopic(asker, "t", 1);
    await awaitCoordinator(asker);
    await asker.quietly(updateFeatures, 1, {
      featureUpdates: [{ feature: "group.version", maxVersionLevel: 0, upgradeType: 2 }],
    });
    await asker.until(async () => {
      const { errorCode } = await asker.quietly(consumerGroupHeartbeat, 1, beating("g", "m"));
      return errorCode === 35;
    });
    await beat(asker, beating("g", "m"), "without the feature");
    await describe(asker, 1, "without the feature", "g", "");
  },
};
