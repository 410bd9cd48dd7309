import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../src/protocol/messages/16-list-groups.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../../src/protocol/records/consumer-protocol.ts";
import { encodeVersioned } from "../../../src/protocol/records/frame.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import type { Asker, Scenario } from "../asker.ts";
import { beat, beating, describe, SETTINGS } from "./consumer-groups.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";

type Join = Input<typeof joinGroup.request>;

const CONSUMER = { protocolType: "consumer", protocolName: "range" };

function subscription(owned: readonly number[] = [], rackId: string | null = null): Buffer {
  const ownedPartitions = owned.length === 0 ? [] : [{ topic: "t", partitions: owned }];
  return encodeVersioned(consumerProtocolSubscription, 3, {
    topics: ["t"],
    userData: null,
    ownedPartitions,
    generationId: -1,
    rackId,
  });
}

function assignment(partitions: readonly number[], userData: Buffer | null = null): Buffer {
  const assignedPartitions = [{ topic: "t", partitions }];
  return encodeVersioned(consumerProtocolAssignment, 3, { assignedPartitions, userData });
}

function joining(groupId: string, memberId: string, rest: Partial<Join> = {}): Join {
  return {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    protocolType: "consumer",
    protocols: [
      { name: "range", metadata: subscription() },
      { name: "roundrobin", metadata: subscription() },
    ],
    ...rest,
  };
}

function owning(groupId: string, memberId: string, ...owned: number[]): Join {
  const protocols = [{ name: "range", metadata: subscription(owned, "rack") }];
  return joining(groupId, memberId, { protocols });
}

/** A stable classic group of one member that has all partitions; gives the member's id. */
async function classicGroup(
  asker: Asker,
  groupId: string,
  rest: Partial<Join> = {},
  userData: Buffer | null = null,
): Promise<string> {
  const first = await asker.quietly(joinGroup, 9, joining(groupId, "", rest));
  const { memberId } = first;
  if (first.errorCode !== 0) await asker.quietly(joinGroup, 9, joining(groupId, memberId, rest));
  const assignments = [{ memberId, assignment: assignment([0, 1, 2, 3], userData) }];
  const { groupInstanceId = null } = rest;
  const who = { groupId, generationId: 1, memberId, groupInstanceId };
  await asker.quietly(syncGroup, 5, { ...who, ...CONSUMER, assignments });
  return memberId;
}

function classicBeat(asker: Asker, groupId: string, memberId: string, generationId: number) {
  const label = `in generation ${generationId}`;
  return asker.ask(heartbeat, 4, { groupId, generationId, memberId }, label);
}

function classicSync(asker: Asker, groupId: string, memberId: string, generationId: number) {
  const request = { groupId, generationId, memberId, ...CONSUMER, assignments: [] };
  return asker.ask(syncGroup, 5, request, `in generation ${generationId}`);
}

function describeClassic(asker: Asker, groupId: string, label: string) {
  const request = { groups: [groupId], includeAuthorizedOperations: false };
  return asker.ask(describeGroups, 6, request, label);
}

export const consumerMigrationScenario: Scenario = {
  name: "consumer-migration",
  settings: SETTINGS,
  async run(asker) {
    const topicId = await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    await goThereAndBack(asker, topicId);
    await joinAsClassic(asker, topicId);
    await beStatic(asker);
    await refuse(asker);
    await startAnew(asker);
  },
};

async function goThereAndBack(asker: Asker, topicId: string): Promise<void> {
  const group = "there";
  const classic = await classicGroup(asker, group);
  await beat(asker, beating(group, "m"), "the group is upgraded");
  await describe(asker, 1, "upgraded", group);
  await describeClassic(asker, group, "upgraded");
  await classicBeat(asker, group, classic, 1);
  await classicBeat(asker, group, classic, 2);
  await classicSync(asker, group, classic, 1);
  await asker.ask(joinGroup, 9, owning(group, classic, 0, 1, 2, 3), "must give back");
  await classicSync(asker, group, classic, 1);
  await classicBeat(asker, group, classic, 1);
  await asker.ask(joinGroup, 9, owning(group, classic, 0, 1), "has given back");
  await classicSync(asker, group, classic, 2);
  await classicBeat(asker, group, classic, 2);
  await beat(asker, beating(group, "m", { memberEpoch: 2, topicPartitions: [] }), "gets its part");
  await describe(asker, 1, "both", group);
  await commit(asker, group, classic, 2);
  await commit(asker, group, classic, 1);
  await commit(asker, group, classic, 3);
  const owned = [{ topicId, partitions: [2, 3] }];
  await classicSync(asker, group, "m", 2);
  await classicBeat(asker, group, "m", 2);
  await beat(asker, beating(group, "m", { memberEpoch: 2, topicPartitions: owned }), "goes on");
  await beat(asker, beating(group, "m", { memberEpoch: -1 }), "the group is downgraded");
  await describe(asker, 1, "downgraded", group);
  await describeClassic(asker, group, "downgraded");
  await classicBeat(asker, group, classic, 2);
  await asker.ask(joinGroup, 9, owning(group, classic, 0, 1), "rebalances");
  await beat(asker, beating(group, classic), "the same id in the other protocol");
  await classicBeat(asker, group, classic, 4);
  await asker.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
}

function commit(
  asker: Asker,
  groupId: string,
  memberId: string,
  generationIdOrMemberEpoch: number,
) {
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "" }];
  const topics = [{ name: "t", partitions }];
  const request = { groupId, memberId, generationIdOrMemberEpoch, topics };
  return asker.ask(offsetCommit, 8, request, `in generation ${generationIdOrMemberEpoch}`);
}

async function joinAsClassic(asker: Asker, topicId: string): Promise<void> {
  const group = "mixed";
  const owned = (...partitions: number[]) => ({ topicPartitions: [{ topicId, partitions }] });
  await beat(asker, beating(group, "m"), "the first");
  await asker.ask(joinGroup, 3, joining(group, "", { protocolType: "connect" }), "another type");
  await asker.ask(joinGroup, 3, joining(group, "", { protocols: [] }), "no protocols");
  const { memberId } = (await asker.ask(joinGroup, 9, joining(group, ""), "needs an id"))!;
  const joined = await asker.ask(joinGroup, 9, joining(group, memberId), "joins");
  const { generationId = -1 } = joined!;
  await classicSync(asker, group, memberId, generationId);
  const other = { protocolType: "consumer", protocolName: "roundrobin", assignments: [] };
  const who = { groupId: group, generationId, memberId };
  await asker.ask(syncGroup, 5, { ...who, ...other }, "another protocol");
  await classicBeat(asker, group, memberId, generationId);
  await beat(
    asker,
    beating(group, "m", { memberEpoch: 2, ...owned(0, 1, 2, 3) }),
    "must give back",
  );
  await classicBeat(asker, group, memberId, generationId);
  await beat(asker, beating(group, "m", { memberEpoch: 2, ...owned(0, 1) }), "gives back");
  await classicBeat(asker, group, memberId, generationId);
  await asker.ask(joinGroup, 9, joining(group, memberId), "joins again");
  await classicSync(asker, group, memberId, generationId);
  await classicBeat(asker, group, memberId, generationId);
  await describe(asker, 1, "mixed", group);
  const protocols = [{ name: "sticky", metadata: subscription() }];
  await asker.ask(joinGroup, 3, joining(group, "", { protocols }), "no common protocol");
  const members = [{ memberId: "nobody" }, { memberId }, { memberId: "", groupInstanceId: "i" }];
  await asker.ask(leaveGroup, 5, { groupId: group, members }, "leave");
  await beat(asker, beating(group, "m", { memberEpoch: 3, ...owned(0, 1) }), "gets all");
  await asker.ask(leaveGroup, 5, { groupId: group, members: [{ memberId: "m" }] }, "the last");
  await describe(asker, 1, "empty", group);
}

async function beStatic(asker: Asker): Promise<void> {
  const group = "static";
  const groupInstanceId = "i";
  const classic = await classicGroup(asker, group, { groupInstanceId });
  await beat(asker, beating(group, "m", { instanceId: "i" }), "takes the place of a classic one");
  await describe(asker, 1, "upgraded", group);
  const who = { groupId: group, generationId: 1, memberId: classic, groupInstanceId };
  await asker.ask(heartbeat, 4, who, "its former self");
  const again = joining(group, "", { groupInstanceId });
  const { memberId } = (await asker.ask(joinGroup, 9, again, "takes its place back"))!;
  await describe(asker, 1, "downgraded", group);
  await describeClassic(asker, group, "downgraded");
  await asker.ask(heartbeat, 4, { ...who, memberId, generationId: 2 }, "its new self");
}

async function refuse(asker: Asker): Promise<void> {
  await classicGroup(asker, "custom", {}, Buffer.from("mine"));
  await beat(asker, beating("custom", "m"), "an assignor of the client's own");
  const protocols = [{ name: "range", metadata: Buffer.from([0]) }];
  await classicGroup(asker, "malformed", { protocols });
  await beat(asker, beating("malformed", "m"), "not a consumer's metadata");
  const rest = { protocolType: "connect", protocols };
  await asker.quietly(joinGroup, 3, joining("connect", "", rest));
  await beat(asker, beating("connect", "m"), "not consumers");
  await beat(asker, beating("custom", "m", { memberEpoch: 1 }), "not a member");
  await beat(asker, beating("custom", "m", { memberEpoch: -1 }), "not a member, leaves");
}

async function startAnew(asker: Asker): Promise<void> {
  const members = [{ memberId: await classicGroup(asker, "anew") }];
  await asker.quietly(leaveGroup, 5, { groupId: "anew", members });
  await beat(asker, beating("anew", "m"), "in an empty classic group");
  await describe(asker, 1, "a consumer group now", "anew");
  await asker.ask(joinGroup, 9, joining("anew", "who"), "with an id of its own");
  await asker.quietly(leaveGroup, 5, { groupId: "anew", members: [{ memberId: "who" }] });
  await beat(asker, beating("anew", "m", { memberEpoch: -1 }), "leaves");
  await asker.ask(joinGroup, 3, joining("anew", ""), "in an empty consumer group");
  await describe(asker, 1, "a classic group now", "anew");
  await describeClassic(asker, "anew", "a classic group now");
}

export const consumerMigrationDisabledScenario: Scenario = {
  name: "consumer-migration-disabled",
  settings: { ...SETTINGS, "group.consumer.migration.policy": "disabled" },
  async run(asker) {
    await makeTopic(asker, "t", 4);
    await awaitCoordinator(asker);
    const memberId = await classicGroup(asker, "classic");
    await beat(asker, beating("classic", "m"), "upgrade");
    await classicBeat(asker, "classic", memberId, 1);
    await beat(asker, beating("consumer", "m"), "the first");
    await asker.ask(joinGroup, 3, joining("consumer", ""), "a classic member");
    await describe(asker, 1, "as before", "consumer");
  },
};
