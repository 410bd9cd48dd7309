import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../../src/protocol/messages/16-list-groups.ts";
import { deleteGroups } from "../../../src/protocol/messages/42-delete-groups.ts";
import { offsetDelete } from "../../../src/protocol/messages/47-offset-delete.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const SETTINGS = { "offsets.topic.num.partitions": "1" };
const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";
const ASSIGNMENT = Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
/** A subscription to the topic "t", as consumers write it. */
const SUBSCRIPTION = Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff]);

type JoinRequest = Input<typeof joinGroup.request>;

export async function awaitCoordinator(asker: Asker): Promise<void> {
  await asker.until(async () => {
    const request = { coordinatorKeys: ["g"] };
    const { coordinators } = await asker.quietly(findCoordinator, 6, request);
    return coordinators[0]!.errorCode === 0;
  });
  // The coordinator may have to load the partition first.
  await asker.until(async () => {
    const { groups } = await asker.quietly(offsetFetch, 8, {
      groups: [{ groupId: "g", topics: null }],
    });
    return groups[0]!.errorCode === 0;
  });
}

function joining(groupId: string, rest: Partial<JoinRequest> = {}): JoinRequest {
  return {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: SUBSCRIPTION }],
    ...rest,
  };
}

export const groupMembersScenario: Scenario = {
  name: "group-members",
  settings: SETTINGS,
  async run(asker) {
    await makeTopic(asker, "t", 1);
    await awaitCoordinator(asker);
    for (const version of versionsOf(joinGroup)) await liveOneLife(asker, version);
    await joinWrongly(asker);
    await beStatic(asker);
  },
};

async function liveOneLife(asker: Asker, version: number): Promise<void> {
  const groupId = `g${version}`;
  const first = await asker.ask(joinGroup, version, joining(groupId), "a new member");
  let member = first!;
  const { memberId } = member;
  if (version >= 4) {
    member = (await asker.ask(joinGroup, version, joining(groupId, { memberId }), "with its id"))!;
  }
  const { generationId } = member;
  const who = { groupId, generationId, memberId };
  const syncVersion = Math.min(version, 5);
  const beatVersion = Math.min(version, 4);
  const names = syncVersion >= 5 ? { protocolType: "consumer", protocolName: "range" } : {};
  const assignments = [{ memberId, assignment: ASSIGNMENT }];
  await asker.ask(heartbeat, beatVersion, who, "before the sync");
  await asker.ask(syncGroup, syncVersion, { ...who, ...names, assignments: [], generationId: 9 });
  await asker.ask(syncGroup, syncVersion, { ...who, ...names, memberId: "another", assignments });
  await asker.ask(syncGroup, syncVersion, { ...who, ...names, assignments }, "the leader");
  await asker.ask(syncGroup, syncVersion, { ...who, ...names, assignments: [] }, "again");
  if (syncVersion >= 5) {
    const others = { protocolType: "connect", protocolName: "range" };
    await asker.ask(syncGroup, 5, { ...who, ...others, assignments: [] }, "another type");
    await asker.ask(syncGroup, 5, { ...who, assignments: [] }, "no names");
  }
  await asker.ask(heartbeat, beatVersion, who);
  await asker.ask(heartbeat, beatVersion, { ...who, generationId: generationId + 1 });
  await asker.ask(heartbeat, beatVersion, { ...who, memberId: "another" });
  await asker.ask(heartbeat, beatVersion, { ...who, groupId: "absent" });
  await asker.ask(heartbeat, beatVersion, { ...who, groupId: "" });
  const describeVersion = Math.min(version, 6);
  const operations = describeVersion >= 3 ? true : false;
  const described = { groups: [groupId, "absent", ""], includeAuthorizedOperations: operations };
  await asker.ask(
    describeGroups,
    describeVersion,
    describeVersion >= 3 ? described : { groups: described.groups, ...NO_OPERATIONS },
  );
  await leave(asker, Math.min(version, 5), groupId, "another");
  await leave(asker, Math.min(version, 5), groupId, memberId);
  await leave(asker, Math.min(version, 5), groupId, memberId);
  await leave(asker, Math.min(version, 5), "absent", memberId);
  await asker.ask(heartbeat, beatVersion, who, "after it has left");
}

const NO_OPERATIONS = { includeAuthorizedOperations: false };

function leave(asker: Asker, version: number, groupId: string, memberId: string) {
  const who = version < 3 ? { memberId } : { members: [{ memberId }] };
  return asker.ask(leaveGroup, version, { groupId, ...who });
}

async function joinWrongly(asker: Asker): Promise<void> {
  const ask = (label: string, rest: Partial<JoinRequest>, version = 9) =>
    asker.ask(joinGroup, version, { ...joining("wrong"), ...rest }, label);
  await ask("no group", { groupId: "" });
  await ask("too short a session", { sessionTimeoutMs: 10 });
  await ask("too long a session", { sessionTimeoutMs: 100_000_000 });
  await ask("no protocol", { protocols: [] });
  await ask("no type", { protocolType: "" });
  await ask("no such member", { memberId: "nobody" });
  await ask("no such member", { memberId: "nobody" }, 3);
  const { memberId } = (await asker.ask(joinGroup, 3, joining("right"), "a member"))!;
  await ask("another type", { groupId: "right", protocolType: "connect" });
  const strategies = [{ name: "sticky", metadata: SUBSCRIPTION }];
  await ask("another strategy", { groupId: "right", protocols: strategies });
  const twice = [{ memberId }, { memberId: "nobody" }, { memberId }];
  await asker.ask(leaveGroup, 5, { groupId: "right", members: twice }, "many members");
  await asker.ask(leaveGroup, 5, { groupId: "right", members: [] }, "no members");
  await asker.ask(leaveGroup, 5, { groupId: "", members: [] }, "no group");
}

async function beStatic(asker: Asker): Promise<void> {
  const groupInstanceId = "instance";
  const request = joining("static", { groupInstanceId });
  const { memberId, generationId } = (await asker.ask(joinGroup, 9, request, "static"))!;
  const who = { groupId: "static", generationId, memberId, groupInstanceId };
  const names = { protocolType: "consumer", protocolName: "range" };
  const assignments = [{ memberId, assignment: ASSIGNMENT }];
  await asker.ask(syncGroup, 5, { ...who, ...names, assignments });
  await asker.ask(heartbeat, 4, { ...who, groupInstanceId: "another" }, "another instance");
  const again = (await asker.ask(joinGroup, 9, request, "it comes again"))!;
  await asker.ask(heartbeat, 4, who, "the old one");
  await asker.ask(heartbeat, 4, { ...who, memberId: again.memberId }, "the new one");
  await asker.ask(describeGroups, 6, { groups: ["static"], ...NO_OPERATIONS });
  const members = [{ memberId: "", groupInstanceId }];
  await asker.ask(leaveGroup, 5, { groupId: "static", members }, "by instance");
  await asker.ask(leaveGroup, 5, { groupId: "static", members }, "by instance, again");
}

export const groupOffsetsScenario: Scenario = {
  name: "group-offsets",
  settings: SETTINGS,
  async run(asker) {
    const id = await makeTopic(asker, "t", 2);
    await awaitCoordinator(asker);
    for (const version of versionsOf(offsetCommit)) await commit(asker, version, id);
    for (const version of versionsOf(offsetFetch)) await fetchOffsets(asker, version, id);
    await deleteThem(asker);
  },
};

async function commit(asker: Asker, version: number, id: string): Promise<void> {
  const partition = (partitionIndex: number, committedOffset: number, metadata: string | null) => ({
    partitionIndex,
    committedOffset,
    ...(version >= 6 ? { committedLeaderEpoch: 0 } : {}),
    committedMetadata: metadata,
  });
  const named = (name: string) =>
    version >= 10 ? { topicId: name === "t" ? id : NOBODYS_ID } : { name };
  const topics = [
    { ...named("t"), partitions: [partition(0, version, "note"), partition(1, -5, null)] },
    { ...named("absent"), partitions: [partition(0, 1, "")] },
    { ...named("t"), partitions: [partition(7, 1, ""), partition(1, 4, "x".repeat(5000))] },
  ];
  const alone = { memberId: "", ...(version < 5 ? { retentionTimeMs: -1 } : {}), topics };
  const groupId = `offsets${version}`;
  await asker.ask(offsetCommit, version, { ...alone, groupId });
  await asker.ask(offsetCommit, version, { ...alone, groupId: "" }, "no group");
  const member = { ...alone, groupId: "absent", memberId: "nobody" };
  await asker.ask(offsetCommit, version, { ...member, generationIdOrMemberEpoch: 3 }, "a member");
  await asker.ask(offsetCommit, version, { ...alone, groupId, topics: [] }, "nothing");
}

async function fetchOffsets(asker: Asker, version: number, id: string): Promise<void> {
  const groupId = "offsets6";
  const partitionIndexes = [0, 1, 7];
  if (version < 8) {
    const topics = ["t", "absent"].map((name) => ({ name, partitionIndexes }));
    await asker.ask(offsetFetch, version, { groupId, topics });
    await asker.ask(offsetFetch, version, { groupId: "nobody", topics });
    await asker.ask(offsetFetch, version, { groupId: "", topics });
    await asker.ask(offsetFetch, version, { groupId, topics: [] }, "nothing");
    if (version >= 2) await asker.ask(offsetFetch, version, { groupId, topics: null }, "all");
    if (version < 7) return;
    await asker.ask(offsetFetch, version, { groupId, topics: null, requireStable: true }, "all");
    return;
  }
  const named = (name: string) =>
    version >= 10 ? { topicId: name === "t" ? id : NOBODYS_ID } : { name };
  const topics = ["t", "absent"].map((name) => ({ ...named(name), partitionIndexes }));
  const groups = [groupId, "nobody", "", groupId].map((each) => ({ groupId: each, topics }));
  await asker.ask(offsetFetch, version, { groups }, "many groups");
  await asker.ask(offsetFetch, version, { groups: [{ groupId, topics: null }] }, "all");
  await asker.ask(offsetFetch, version, { groups: [{ groupId, topics: [] }] }, "nothing");
  await asker.ask(offsetFetch, version, { groups: [] }, "no groups");
  if (version < 9) return;
  const member = { groupId, topics: null, memberId: "nobody", memberEpoch: 1 };
  await asker.ask(offsetFetch, version, { groups: [member] }, "a member");
}

async function deleteThem(asker: Asker): Promise<void> {
  const { memberId } = (await asker.quietly(joinGroup, 3, joining("busy")))!;
  for (const version of versionsOf(listGroups)) {
    await list(asker, version, {});
    if (version >= 4) {
      for (const statesFilter of [["Empty"], ["empty"], ["CompletingRebalance"], ["none"]]) {
        await list(asker, version, { statesFilter });
      }
    }
    if (version < 5) continue;
    for (const typesFilter of [["classic"], ["CLASSIC"], ["consumer"], ["none"]]) {
      await list(asker, version, { typesFilter });
    }
  }
  const remove = (topic: string, ...indexes: number[]) => ({
    name: topic,
    partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
  });
  const topics = [remove("t", 0, 1, 7), remove("absent", 0)];
  for (const groupId of ["offsets7", "busy", "nobody", ""]) {
    await asker.ask(offsetDelete, 0, { groupId, topics });
  }
  await asker.ask(offsetDelete, 0, { groupId: "offsets7", topics: [] }, "nothing");
  for (const version of versionsOf(deleteGroups)) {
    const groupsNames = [`offsets${version + 2}`, "busy", "nobody", "", `offsets${version + 2}`];
    await asker.ask(deleteGroups, version, { groupsNames });
  }
  await asker.ask(deleteGroups, 2, { groupsNames: [] });
  await asker.quietly(leaveGroup, 2, { groupId: "busy", memberId });
}

function list(
  asker: Asker,
  version: number,
  filters: { statesFilter?: string[]; typesFilter?: string[] },
) {
  const none = { ...(version >= 4 ? { statesFilter: [] } : {}) };
  const types = version >= 5 ? { typesFilter: [] } : {};
  return asker.ask(listGroups, version, { ...none, ...types, ...filters }, "", keepOwn);
}

/** Groups that other steps left behind. */
function keepOwn(response: Value<typeof listGroups.response>): void {
  const isOwn = ({ groupId }: { groupId: string }) => /^offsets|^busy$/.test(groupId);
  response.groups = response.groups.filter(isOwn);
}
