// Consumer groups with kafkajs: the classic protocol.
import { until } from "../common/driver-kit.mjs";
import { consume, createTopic, errorOf, startConsumer, withAdmin, withProducer } from "./kit.mjs";

export function groupScenarios(kafka) {
  return {
    "group-single": () => single(kafka),
    "group-two-members": () => twoMembers(kafka),
    "group-resume": () => resume(kafka),
    "group-offsets": () => groupOffsets(kafka),
    "group-admin": () => groupAdmin(kafka),
  };
}

async function fill(kafka, topic, partitions, perPartition, prefix = "v") {
  const messages = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (let i = 0; i < perPartition; i++) messages.push({ partition, value: `${prefix}${i}` });
  }
  await withProducer(kafka, {}, (producer) => producer.send({ topic, messages }));
}

async function describe(admin, groupId) {
  const { groups } = await admin.describeGroups([groupId]);
  return groups.map((group) => ({
    errorCode: group.errorCode,
    state: group.state,
    protocol: group.protocol,
    protocolType: group.protocolType,
    members: group.members.map((member) => ({
      clientId: member.clientId,
      clientHost: member.clientHost,
      idShape: member.memberId.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "UUID"),
    })),
  }));
}

async function single(kafka) {
  const topic = "kjs-group-single";
  const groupId = "kjs-single";
  await createTopic(kafka, topic, 4);
  await fill(kafka, topic, 4, 5);
  return withAdmin(kafka, async (admin) => {
    const before = await describe(admin, groupId);
    const member = await startConsumer(kafka, topic, { groupId });
    await until("20 records", () => member.seen.length >= 20);
    const during = await describe(admin, groupId);
    await member.consumer.disconnect();
    const after = await describe(admin, groupId);
    return {
      before,
      during,
      assignment: member.assignments.map((partitions) => partitions.toSorted()),
      after,
      committed: await committed(admin, groupId, topic),
    };
  });
}

async function committed(admin, groupId, topic) {
  const answer = await admin.fetchOffsets({ groupId, topics: [topic] });
  return answer.flatMap(({ partitions }) =>
    partitions
      .toSorted((a, b) => a.partition - b.partition)
      .map(({ partition, offset, metadata }) => [partition, offset, metadata]),
  );
}

async function twoMembers(kafka) {
  const topic = "kjs-group-two";
  const groupId = "kjs-two";
  await createTopic(kafka, topic, 4);
  await fill(kafka, topic, 4, 5);
  const first = await startConsumer(kafka, topic, { groupId });
  await until("the first has all", () => first.assignments.at(-1)?.length === 4);
  const alone = first.assignments.at(-1).toSorted();
  const second = await startConsumer(kafka, topic, { groupId });
  await until("each has two", () =>
    [first, second].every((member) => member.assignments.at(-1)?.length === 2),
  );
  const shared = [...first.assignments.at(-1), ...second.assignments.at(-1)].toSorted();
  const state = await withAdmin(kafka, (admin) => describe(admin, groupId));
  await first.consumer.disconnect();
  await until("the second has all", () => second.assignments.at(-1)?.length === 4);
  const left = second.assignments.at(-1).toSorted();
  await fill(kafka, topic, 4, 1, "later");
  const isLater = (message) => message.value.startsWith("later");
  await until("later records", () => second.seen.filter(isLater).length === 4);
  await second.consumer.disconnect();
  return { alone, shared, state, left };
}

async function resume(kafka) {
  const topic = "kjs-group-resume";
  const groupId = "kjs-resume";
  await createTopic(kafka, topic, 2);
  await fill(kafka, topic, 2, 5, "a");
  const first = await consume(kafka, topic, 10, { groupId });
  await fill(kafka, topic, 2, 3, "b");
  const second = await consume(kafka, topic, 6, { groupId });
  const places = (messages) => messages.map((m) => `${m.partition}@${m.offset}=${m.value}`);
  return {
    first: places(first),
    second: places(second),
    committed: await withAdmin(kafka, (admin) => committed(admin, groupId, topic)),
  };
}

async function groupOffsets(kafka) {
  const topic = "kjs-group-offsets";
  const groupId = "kjs-offsets";
  await createTopic(kafka, topic, 2);
  await fill(kafka, topic, 2, 5);
  return withAdmin(kafka, async (admin) => {
    const none = await until("the coordinator", () =>
      committed(admin, groupId, topic).catch(() => null),
    );
    // Each of these two makes kafkajs join the group and wait out a fetch of five seconds.
    await admin.resetOffsets({ groupId, topic, earliest: true });
    const earliest = await committed(admin, groupId, topic);
    const partitions = [
      { partition: 0, offset: "3", metadata: "by hand" },
      { partition: 1, offset: "1" },
    ];
    await admin.setOffsets({ groupId, topic, partitions });
    const set = await committed(admin, groupId, topic);
    const everyTopic = await admin.fetchOffsets({ groupId });
    const consumed = await consume(kafka, topic, 6, { groupId });
    return {
      none,
      earliest,
      set,
      everyTopic: everyTopic.map((entry) => entry.topic),
      resumed: consumed.map((m) => `${m.partition}@${m.offset}`),
      after: await committed(admin, groupId, topic),
    };
  });
}

async function groupAdmin(kafka) {
  const topic = "kjs-group-admin";
  const groupId = "kjs-admin";
  await createTopic(kafka, topic, 1);
  await fill(kafka, topic, 1, 1);
  return withAdmin(kafka, async (admin) => {
    const listed = async () =>
      (await admin.listGroups()).groups.filter((group) => group.groupId === groupId);
    const remove = (group) => errorOf(() => admin.deleteGroups([group]));
    const member = await startConsumer(kafka, topic, { groupId });
    await until("a record", () => member.seen.length >= 1);
    const during = await listed();
    const notEmpty = await removeError(admin, groupId);
    await member.consumer.disconnect();
    const removed = await remove(groupId);
    return {
      during,
      notEmpty,
      removed,
      after: await listed(),
      describedAfter: await describe(admin, groupId),
      unknown: await removeError(admin, "kjs-no-such-group"),
    };
  });
}

async function removeError(admin, groupId) {
  try {
    return await admin.deleteGroups([groupId]);
  } catch (error) {
    return error.groups?.map((group) => group.error?.type ?? group.errorCode) ?? error.name;
  }
}
