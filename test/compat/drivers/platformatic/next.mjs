// Consumer groups with @platformatic/kafka: the consumer protocol of KIP-848.
import { until } from "../common/driver-kit.mjs";
import { errorOf, place, sorted } from "./kit.mjs";

export function nextScenarios(kit) {
  return {
    "next-single": () => single(kit),
    "next-two-members": () => twoMembers(kit),
    "next-mixed": () => mixed(kit),
    "next-errors": () => errors(kit),
  };
}

/** A member of the consumer protocol: the broker says how often it is to be heard of. */
function join(kit, topic, more = {}) {
  const consumer = {
    groupProtocol: "consumer",
    // It insists on these two, and does not use them in this protocol.
    sessionTimeout: 10_000,
    rebalanceTimeout: 10_000,
    ...more,
  };
  return kit.member(topic, topic, { consumer });
}

async function fill(kit, topic, perPartition, prefix) {
  const messages = [];
  for (let partition = 0; partition < 4; partition++) {
    for (let i = 0; i < perPartition; i++) {
      messages.push({ topic, partition, value: `${prefix}${i}` });
    }
  }
  await kit.send(messages);
}

function held(member) {
  return (member.consumer.assignments ?? [])
    .flatMap((assigned) => assigned.partitions)
    .toSorted((a, b) => a - b);
}

async function shared(...members) {
  await until("equal shares", () => {
    const all = members.flatMap(held).toSorted((a, b) => a - b);
    const isEqual = members.every((member) => held(member).length === 4 / members.length);
    return isEqual && all.join() === "0,1,2,3";
  });
}

async function typeOf(kit, groupId) {
  const group = (await kit.admin.listGroups({ types: ["classic", "consumer"] })).get(groupId);
  return `${group.groupType} ${group.protocolType} ${group.state}`;
}

async function single(kit) {
  const topic = "p-next-single";
  await kit.createTopic(topic, 4);
  await fill(kit, topic, 5, "v");
  const member = await join(kit, topic);
  await until("20 records", () => member.seen.length >= 20);
  const during = await typeOf(kit, topic);
  const assignment = held(member);
  const read = sorted(member.seen).map(place);
  await member.leave();
  return { during, assignment, read, after: await typeOf(kit, topic) };
}

async function twoMembers(kit) {
  const topic = "p-next-two";
  await kit.createTopic(topic, 4);
  const first = await join(kit, topic);
  await shared(first);
  const second = await join(kit, topic);
  await shared(first, second);
  await first.leave();
  await shared(second);
  await fill(kit, topic, 1, "later");
  await until("later records", () => second.seen.length >= 4);
  const later = sorted(second.seen).map(place);
  await second.leave();
  return { later };
}

async function mixed(kit) {
  const topic = "p-next-mixed";
  await kit.createTopic(topic, 4);
  const classic = await kit.member(topic, topic);
  await until("the first has all", () => classic.assignment.length === 4);
  const next = await join(kit, topic);
  await until("it has two", () => held(next).length === 2);
  const type = await typeOf(kit, topic);
  await classic.leave();
  await shared(next);
  await next.leave();
  return { type, after: await typeOf(kit, topic) };
}

async function errors(kit) {
  const topic = "p-next-errors";
  await kit.createTopic(topic, 1);
  const consumer = { groupRemoteAssignor: "no-such", retries: 0 };
  return { assignor: await errorOf(() => join(kit, topic, consumer)) };
}
