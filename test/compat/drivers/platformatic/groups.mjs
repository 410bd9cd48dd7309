// Consumer groups with @platformatic/kafka: the classic protocol.
import { until } from "../common/driver-kit.mjs";
import { errorOf, place, sorted } from "./kit.mjs";

export function groupScenarios(kit) {
  return {
    "group-single": () => single(kit),
    "group-two-members": () => twoMembers(kit, "p-two", {}),
    "group-cooperative": () => cooperative(kit),
    "group-resume": () => resume(kit),
    "group-static": () => staticMember(kit),
    "group-offsets": () => groupOffsets(kit),
    "group-admin": () => groupAdmin(kit),
  };
}

async function fill(kit, topic, partitions, perPartition, prefix = "v") {
  const messages = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (let i = 0; i < perPartition; i++) {
      messages.push({ topic, partition, value: `${prefix}${i}` });
    }
  }
  await kit.send(messages);
}

/** Commits all that the member has seen. */
async function commit(member) {
  const ends = new Map();
  for (const message of sorted(member.seen)) ends.set(message.partition, message);
  const offsets = [...ends.values()].map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: offset + 1n,
    leaderEpoch: 0,
  }));
  await member.consumer.commit({ offsets });
}

async function committed(kit, groupId) {
  const [group] = await kit.admin.listConsumerGroupOffsets({ groups: [groupId] });
  return group.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex),
  }));
}

async function describe(kit, groupId) {
  const group = (await kit.admin.describeGroups({ groups: [groupId] })).get(groupId);
  return {
    state: group.state,
    protocol: group.protocol,
    protocolType: group.protocolType,
    members: [...group.members.values()].map((member) => ({
      clientId: member.clientId,
      clientHost: member.clientHost,
      groupInstanceId: member.groupInstanceId,
    })),
  };
}

async function single(kit) {
  const topic = "p-group-single";
  await kit.createTopic(topic, 4);
  await fill(kit, topic, 4, 5);
  const member = await kit.member("p-single", topic);
  await until("20 records", () => member.seen.length >= 20);
  const during = await describe(kit, "p-single");
  const assignment = member.assignment;
  await commit(member);
  await member.leave();
  return {
    during,
    assignment,
    after: await describe(kit, "p-single"),
    committed: await committed(kit, "p-single"),
  };
}

async function twoMembers(kit, topic, consumer) {
  await kit.createTopic(topic, 4);
  await fill(kit, topic, 4, 5);
  const first = await kit.member(topic, topic, { consumer });
  await until("the first has all", () => first.assignment.length === 4);
  const alone = first.assignment;
  const second = await kit.member(topic, topic, { consumer });
  await until("each has two", () =>
    [first, second].every((member) => member.assignment.length === 2),
  );
  const together = [...first.assignment, ...second.assignment].sort();
  const state = await describe(kit, topic);
  await first.leave();
  await until("the second has all", () => second.assignment.length === 4);
  await fill(kit, topic, 4, 1, "later");
  const isLater = (message) => message.value.startsWith("later");
  await until("later records", () => second.seen.filter(isLater).length >= 4);
  await second.leave();
  return { alone, together, state };
}

async function cooperative(kit) {
  const protocols = [{ name: "cooperative-sticky", version: 1 }];
  const { cooperativeStickyAssigner } = await import("@platformatic/kafka");
  return twoMembers(kit, "p-cooperative", {
    protocols,
    partitionAssigner: cooperativeStickyAssigner,
  });
}

async function resume(kit) {
  const topic = "p-group-resume";
  await kit.createTopic(topic, 2);
  const outcome = {};
  for (const round of ["a", "b"]) {
    await fill(kit, topic, 2, 3, round);
    const member = await kit.member("p-resume", topic);
    await until("6 records", () => member.seen.length >= 6);
    await commit(member);
    await member.leave();
    outcome[round] = sorted(member.seen).map(place);
  }
  return { ...outcome, committed: await committed(kit, "p-resume") };
}

async function staticMember(kit) {
  const topic = "p-group-static";
  await kit.createTopic(topic, 4);
  const consumer = { groupInstanceId: "one" };
  const one = await kit.member("p-static", topic, { consumer });
  await until("an assignment", () => one.assignment.length === 4);
  const described = await describe(kit, "p-static");
  await one.leave();
  return { described };
}

async function groupOffsets(kit) {
  const topic = "p-group-offsets";
  const groupId = "p-offsets";
  await kit.createTopic(topic, 2);
  await fill(kit, topic, 2, 5);
  const partitionOffsets = [
    { partition: 0, offset: 3n },
    { partition: 1, offset: 1n },
  ];
  const topics = [{ name: topic, partitionOffsets }];
  await until("the coordinator", () =>
    kit.admin.alterConsumerGroupOffsets({ groupId, topics }).then(
      () => true,
      () => false,
    ),
  );
  const set = await committed(kit, groupId);
  const resumed = await kit.read(topic, 6, { groupId });
  const remove = (name, group = groupId) =>
    errorOf(() =>
      kit.admin.deleteConsumerGroupOffsets({
        groupId: group,
        topics: [{ name, partitionIndexes: [0] }],
      }),
    );
  return {
    set,
    resumed: resumed.map(place),
    removed: await remove(topic),
    after: await committed(kit, groupId),
    unknownGroup: await remove(topic, "p-no-such-group"),
  };
}

async function groupAdmin(kit) {
  const topic = "p-group-admin";
  const groupId = "p-admin";
  await kit.createTopic(topic);
  await fill(kit, topic, 1, 1);
  const listed = async (options) => {
    const group = (await kit.admin.listGroups(options)).get(groupId);
    return group ?? null;
  };
  const remove = (group) => errorOf(() => kit.admin.deleteGroups({ groups: [group] }));
  const member = await kit.member(groupId, topic);
  await until("a record", () => member.seen.length >= 1);
  const during = {
    stable: await listed({ states: ["STABLE"] }),
    empty: await listed({ states: ["EMPTY"] }),
    classic: await listed({ types: ["classic"] }),
    remove: await remove(groupId),
  };
  await member.leave();
  return {
    during,
    after: await listed({ states: ["EMPTY"] }),
    removed: await remove(groupId),
    afterRemoval: await listed({}),
    unknown: await remove("p-no-such-group"),
    describeUnknown: await errorOf(() => describe(kit, "p-no-such-group")),
  };
}
