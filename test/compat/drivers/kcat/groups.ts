/** Consumer groups with kcat's balanced consumer. */
import { until } from "../common/driver-kit.mjs";
import type { Kcat, KcatRecord, Member } from "./kcat.ts";

const COOPERATIVE = "partition.assignment.strategy=cooperative-sticky";

export function groupScenarios(kcat: Kcat) {
  return {
    "group-single": () => single(kcat),
    "group-two-members": () => twoMembers(kcat, "kcat-two", []),
    "group-resume": () => resume(kcat),
    "group-static": () => staticMember(kcat),
    "group-cooperative": () => twoMembers(kcat, "kcat-cooperative", [COOPERATIVE]),
    "group-assignors": () => assignors(kcat),
  };
}

async function fill(kcat: Kcat, topic: string, prefix: string): Promise<void> {
  for (let partition = 0; partition < 4; partition++) {
    const input = [0, 1, 2].map((i) => `${prefix}${i}\n`).join("");
    await kcat.produce(topic, input, ["-p", String(partition)]);
  }
}

function places(records: readonly KcatRecord[]): string[] {
  return records
    .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    .map((record) => `${record.partition}@${record.offset}=${record.payload}`);
}

async function consumeInGroup(kcat: Kcat, group: string, topic: string, count: number) {
  const member = kcat.member(group, topic);
  await until(`${count} records`, () => member.records.length >= count);
  await member.leave();
  return member;
}

async function single(kcat: Kcat) {
  const topic = "kcat-group-single";
  await fill(kcat, topic, "a");
  const member = await consumeInGroup(kcat, "kcat-single", topic, 12);
  return { records: places(member.records), rebalances: member.rebalances };
}

async function shared(members: readonly Member[]): Promise<number[]> {
  await until("each has two", () => members.every((member) => member.assignment.length === 2));
  return members.flatMap((member) => member.assignment).sort();
}

async function twoMembers(kcat: Kcat, topic: string, settings: readonly string[]) {
  await fill(kcat, topic, "a");
  const first = kcat.member(topic, topic, settings);
  await until("the first has all", () => first.assignment.length === 4);
  const alone = first.assignment;
  const second = kcat.member(topic, topic, settings);
  const together = await shared([first, second]);
  await first.leave();
  await until("the second has all", () => second.assignment.length === 4);
  await fill(kcat, topic, "later");
  const later = await until("later records", () => {
    const found = second.records.filter((record) => record.payload?.startsWith("later"));
    return found.length === 12 && found;
  });
  await second.leave();
  return { alone, together, left: second.assignment.length, later: places(later) };
}

async function resume(kcat: Kcat) {
  const topic = "kcat-group-resume";
  await fill(kcat, topic, "a");
  const first = await consumeInGroup(kcat, topic, topic, 12);
  await fill(kcat, topic, "b");
  const second = await consumeInGroup(kcat, topic, topic, 12);
  return { first: places(first.records), second: places(second.records) };
}

async function staticMember(kcat: Kcat) {
  const topic = "kcat-group-static";
  await fill(kcat, topic, "a");
  const start = (name: string) => kcat.member(topic, topic, [`group.instance.id=${name}`]);
  const one = start("one");
  await until("one has all", () => one.assignment.length === 4);
  const two = start("two");
  await shared([one, two]);
  const before = [...two.assignment];
  const rebalancesOfOne = one.rebalances.length;
  // A static member that goes does not leave: its partitions wait for it.
  await two.leave();
  const again = start("two");
  await until("two is back", () => again.assignment.length === 2);
  const outcome = {
    sameAssignment: JSON.stringify(again.assignment) === JSON.stringify(before),
    otherMemberUndisturbed: one.rebalances.length === rebalancesOfOne,
  };
  await again.leave();
  await one.leave();
  return outcome;
}

async function assignors(kcat: Kcat) {
  const outcome: Record<string, unknown> = {};
  for (const assignor of ["range", "roundrobin"]) {
    const topic = `kcat-assignor-${assignor}`;
    await fill(kcat, topic, "a");
    const settings = [`partition.assignment.strategy=${assignor}`];
    const members = [kcat.member(topic, topic, settings), kcat.member(topic, topic, settings)];
    await shared(members);
    const shares = members.map((member) => member.assignment.join(" ")).sort();
    await Promise.all(members.map((member) => member.leave()));
    outcome[assignor] = shares;
  }
  return outcome;
}
