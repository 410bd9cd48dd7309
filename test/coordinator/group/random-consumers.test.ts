/**
 * Random consumers of both protocols in groups of the consumer protocol, from a seed: they join,
 * read other topics, give back partitions or dawdle, leave, die, come back, as static members or as
 * dynamic ones; topics come, grow and go; time passes; the log commits late, refuses, or loses; the
 * broker restarts. All the while no partition has two owners among the members of a group; a broker
 * that reads the log, whole or compacted, is where this one is; and once it is calm each partition
 * has one owner.
 */
import { describe, expect, test } from "bun:test";
import type { ConsumerGroup } from "../../../src/coordinator/group/consumer-group.ts";
import { encodeAssignment } from "../../../src/coordinator/group/consumer-subscription.ts";
import { decodeAssignment } from "../../../src/coordinator/group/consumer-subscription.ts";
import { GROUP_CONFIG_DEFAULTS } from "../../../src/coordinator/group/group-config.ts";
import type { Heartbeat } from "./consumer-driver.ts";
import type { GroupShard } from "../../../src/coordinator/group/group-shard.ts";
import { answered } from "../../../src/coordinator/outcome.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { consumerProtocolSubscription } from "../../../src/protocol/records/consumer-protocol.ts";
import { encodeVersioned } from "../../../src/protocol/records/frame.ts";
import type { FakeRandom } from "../../sim/fake-random.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { from } from "./group-driver.ts";
import { byKey, RandomShard, runLife, seeds } from "./random-shard.ts";

const GROUP = "g";
const NAMES = ["a", "b", "c"];
const CONFIG = {
  ...GROUP_CONFIG_DEFAULTS,
  groupInitialRebalanceDelayMs: 0,
  consumerSessionTimeoutMs: () => 20_000,
};

/** "topic id - partition" of all that a client reads from at this moment. */
type Owned = Set<string>;

class Client {
  memberId: string;
  /** 0: it has to join. */
  epoch = 0;
  owned: Owned = new Set();
  /** What it was assigned last; null: it has done with that. */
  assigned: Owned | null = null;
  names: string[];
  regex: string | null = null;
  isAlive = true;
  isClassic: boolean;
  /** Of a classic member: where it is in its rebalance. */
  phase: "join" | "sync" | "beat" = "join";
  isWaiting = false;
  leads: readonly string[] = [];

  constructor(
    readonly index: number,
    readonly instanceId: string | null,
    random: FakeRandom,
  ) {
    this.memberId = `m${index}`;
    this.isClassic = random.chance(0.3);
    this.names = [random.pick(NAMES)];
    if (this.isClassic) this.memberId = "";
  }

  /** It has been told that it is no member any more, so it stops reading. */
  forget(random: FakeRandom): void {
    this.owned.clear();
    this.assigned = null;
    this.epoch = 0;
    this.phase = "join";
    if (random.chance(0.1)) this.isClassic = !this.isClassic;
    this.memberId = this.isClassic ? "" : `m${this.index}-${random.below(1_000_000)}`;
  }
}

class Simulation extends RandomShard {
  readonly topics: FakeTopics;
  readonly clients: Client[];

  constructor(seed: number) {
    const topics = new FakeTopics({ a: 3, b: 1 });
    super(seed, { config: CONFIG, topics, loadSizeMax: 100_000 });
    this.topics = topics;
    this.clients = Array.from(
      { length: 7 },
      (_, index) => new Client(index, index < 2 ? `i${index}` : null, this.random),
    );
  }

  step(): void {
    const client = this.random.pick(this.clients);
    const kind = this.random.below(100);
    if (kind < 60) this.turn(client);
    else if (kind < 66) client.isAlive = !client.isAlive;
    else if (kind < 71) this.leave(client);
    else if (kind < 76) this.resubscribe(client);
    else if (kind < 81) this.changeTopics();
    else if (kind < 96) this.clock.advance(this.random.pick([5, 400, 1_200, 4_000, 12_000]));
    else this.disturb(1);
    if (this.random.chance(0.8)) this.clock.settle();
  }

  turn(client: Client): void {
    if (!client.isAlive || client.isWaiting) return;
    if (client.isClassic) this.turnClassic(client);
    else this.beat(client);
  }

  // ---- The consumer protocol -----------------------------------------------------------------

  beat(client: Client, memberEpoch = client.epoch): void {
    const joins = memberEpoch === 0;
    if (joins) client.owned.clear();
    const { assigned } = client;
    let hasSettled = false;
    if (assigned !== null && this.random.chance(0.7)) {
      // It gives back and begins to read at once, and then says so.
      client.owned = new Set(assigned);
      client.assigned = null;
      hasSettled = true;
    }
    const says = joins || hasSettled || this.random.chance(0.2);
    const request: Heartbeat = {
      groupId: GROUP,
      memberId: client.memberId,
      memberEpoch,
      instanceId: client.instanceId,
      rackId: null,
      rebalanceTimeoutMs: says ? 15_000 : -1,
      subscribedTopicNames: says ? client.names : null,
      subscribedTopicRegex: says ? (client.regex ?? "") : null,
      serverAssignor: joins ? this.random.pick([null, "uniform", "range"]) : null,
      topicPartitions: says ? partitionsOf(client.owned) : null,
    };
    client.isWaiting = true;
    const { memberId } = client;
    this.ask(
      (shard) => shard.consumerHeartbeat(request, from(1)),
      (answer) => {
        client.isWaiting = false;
        if (client.memberId !== memberId || typeof answer === "number") return;
        this.hear(client, answer);
      },
    );
  }

  hear(
    client: Client,
    answer: Awaited<ReturnType<GroupShard["consumerHeartbeat"]>["response"]>,
  ): void {
    switch (answer.errorCode) {
      case ErrorCode.NONE: {
        client.epoch = answer.memberEpoch;
        const { assignment } = answer;
        if (!assignment) return;
        client.assigned = ownedOf(assignment.topicPartitions);
        return;
      }
      case ErrorCode.FENCED_MEMBER_EPOCH:
        client.owned.clear();
        client.assigned = null;
        client.epoch = 0;
        return;
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_INSTANCE_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
        client.forget(this.random);
        return;
      default:
        return;
    }
  }

  leave(client: Client): void {
    if (!client.isAlive || client.isWaiting || client.epoch <= 0) return;
    const { memberId, instanceId } = client;
    client.owned.clear();
    if (client.isClassic) {
      const members = [{ memberId, groupInstanceId: instanceId, reason: null }];
      this.ask((shard) => shard.leave(GROUP, members));
      client.forget(this.random);
      return;
    }
    const isForAWhile = instanceId !== null && this.random.chance(0.6);
    this.beat(client, isForAWhile ? -2 : -1);
    client.forget(this.random);
    client.isWaiting = false;
  }

  resubscribe(client: Client): void {
    client.names = NAMES.filter(() => this.random.chance(0.5));
    client.regex = client.isClassic ? null : this.random.pick([null, null, "[ab]", "b|c"]);
  }

  // ---- The classic protocol, eager: it gives back all before it joins -------------------------

  turnClassic(client: Client): void {
    if (client.phase === "join") this.join(client);
    else if (client.phase === "sync") this.sync(client);
    else this.beatClassic(client);
  }

  join(client: Client): void {
    client.owned.clear();
    const metadata = subscriptionOf(client.names);
    const request = {
      groupId: GROUP,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 15_000,
      memberId: client.memberId,
      groupInstanceId: client.instanceId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata }],
      reason: null,
    };
    client.isWaiting = true;
    this.ask(
      (shard) => shard.join(request, from(9)),
      (answer) => {
        client.isWaiting = false;
        if (typeof answer === "number") return;
        const { errorCode, memberId } = answer;
        if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) client.memberId = memberId;
        else if (errorCode !== ErrorCode.NONE)
          return this.hearClassic(client, errorCode as ErrorCode);
        else {
          client.memberId = memberId;
          client.epoch = answer.generationId ?? -1;
          client.phase = "sync";
          client.leads =
            answer.leader === memberId ? answer.members.map((member) => member.memberId) : [];
        }
      },
    );
  }

  sync(client: Client): void {
    client.isWaiting = true;
    const request = {
      groupId: GROUP,
      generationId: client.epoch,
      memberId: client.memberId,
      groupInstanceId: client.instanceId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: this.planOf(client),
    };
    this.ask(
      (shard) => shard.sync(request),
      (answer) => {
        client.isWaiting = false;
        if (typeof answer === "number") return;
        if (answer.errorCode !== ErrorCode.NONE)
          return this.hearClassic(client, answer.errorCode as ErrorCode);
        client.phase = "beat";
        const decoded = decodeAssignment(Buffer.from(answer.assignment));
        for (const { topic, partitions } of decoded?.assignedPartitions ?? []) {
          const topicId = this.topics.idOf(topic);
          for (const partition of partitions) client.owned.add(`${topicId}-${partition}`);
        }
      },
    );
  }

  /** As the leader of a classic group has it: all of "a" to itself, as far as it goes. */
  planOf(client: Client) {
    return client.leads.map((memberId, index) => {
      const topicId = this.topics.idOf("a");
      const isFirst = index === 0 && topicId !== null;
      const partitions = new Map(isFirst ? [[topicId, [0, 1]] as const] : []);
      const assignment = encodeAssignment(this.topics, partitions, subscriptionOf([]));
      return { memberId, assignment: assignment! };
    });
  }

  beatClassic(client: Client): void {
    const { memberId, epoch: generationId, instanceId: groupInstanceId } = client;
    const request = { groupId: GROUP, generationId, memberId, groupInstanceId };
    client.isWaiting = true;
    this.ask(
      (shard) => answered(shard.heartbeat(request)),
      (error) => {
        client.isWaiting = false;
        if (error !== ErrorCode.NONE) this.hearClassic(client, error);
      },
    );
  }

  hearClassic(client: Client, error: ErrorCode): void {
    switch (error) {
      case ErrorCode.REBALANCE_IN_PROGRESS:
        client.phase = "join";
        return;
      case ErrorCode.ILLEGAL_GENERATION:
        client.owned.clear();
        client.phase = "join";
        return;
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_INSTANCE_ID:
      case ErrorCode.INCONSISTENT_GROUP_PROTOCOL:
        client.forget(this.random);
        return;
      default:
        return;
    }
  }

  // ---- The world -----------------------------------------------------------------------------

  changeTopics(): void {
    const name = this.random.pick(NAMES);
    const count = this.topics.partitionCountOf(name);
    const changes =
      count === null
        ? this.topics.create(name, 1 + this.random.below(4))
        : this.random.chance(0.5)
          ? this.topics.grow(name, count + 1)
          : this.topics.delete(name);
    this.broker.runtime.forEach((shard) => shard.topicsChanged(changes));
  }

  /** Whoever is alive goes on for as long as it takes, and somebody who reads all with them. */
  quiesce(): void {
    this.calm();
    const last = new Client(this.clients.length, null, this.random);
    last.isClassic = false;
    last.memberId = "last";
    last.names = NAMES;
    this.clients.push(last);
    for (let round = 0; round < 60; round++) {
      for (const client of this.clients) {
        this.turn(client);
        this.clock.settle();
      }
      this.clock.advance(1_500);
    }
  }
}

function subscriptionOf(topics: string[]): Buffer {
  const given = { topics, userData: null, ownedPartitions: [], generationId: -1, rackId: null };
  return encodeVersioned(consumerProtocolSubscription, 3, given);
}

function ownedOf(
  topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
): Owned {
  return new Set(
    topics.flatMap(({ topicId, partitions }) => partitions.map((each) => `${topicId}-${each}`)),
  );
}

function partitionsOf(owned: Owned): { topicId: string; partitions: number[] }[] {
  const byTopic = Map.groupBy(owned, (each) => each.slice(0, each.lastIndexOf("-")));
  return [...byTopic].map(([topicId, list]) => ({
    topicId,
    partitions: list.map((each) => Number(each.slice(each.lastIndexOf("-") + 1))),
  }));
}

/** Members of the group alone count: others have been removed and are about to learn of it. */
function expectOneOwner({ clients, broker }: Simulation): void {
  const group = broker.shard.consumers.get(GROUP);
  if (group === undefined) return;
  const owners = new Map<string, string>();
  for (const { memberId, owned, epoch } of clients) {
    const member = group.members.get(memberId);
    // A static member that is away has stopped; one that was replaced is fenced.
    if (member === undefined || member.memberEpoch < 0 || epoch === 0) continue;
    for (const each of owned) {
      expect([each, owners.get(each) ?? memberId]).toEqual([each, memberId]);
      owners.set(each, memberId);
    }
  }
}

/** What the coordinator itself must keep to, between any two operations. */
function check(group: ConsumerGroup): void {
  const owners = new Map<string, string>();
  let classicCount = 0;
  for (const member of group.members.values()) {
    if (member.classicMemberMetadata !== null) classicCount += 1;
    expect(group.timers.get(member.memberId)?.session?.isSet).toBe(true);
    for (const partitions of [member.assignedPartitions, member.partitionsPendingRevocation]) {
      for (const [topicId, epochs] of partitions) {
        for (const partition of epochs.keys()) {
          const each = `${topicId}-${partition}`;
          expect([each, owners.get(each)]).toEqual([each, undefined]);
          owners.set(each, member.memberId);
          expect(group.partitionEpoch(topicId, partition)).toBe(member.memberEpoch);
        }
      }
    }
    expect(member.memberEpoch).toBeLessThanOrEqual(group.groupEpoch);
  }
  expect(group.classicMemberCount).toBe(classicCount);
  expect(group.assignmentEpoch).toBeLessThanOrEqual(group.groupEpoch);
  expect([...group.timers.keys()].filter((id) => !group.members.has(id))).toEqual([]);
  expect([...group.targetAssignment.keys()].filter((id) => !group.members.has(id))).toEqual([]);
  const regexes = new Set(group.regexMemberCounts.keys());
  expect([...group.resolvedRegexes.keys()].filter((regex) => !regexes.has(regex))).toEqual([]);
}

/** What a restart must not change. */
function recorded(shard: GroupShard): unknown {
  return [...shard.consumers.byId.values()].map((group) => ({
    id: group.groupId,
    epochs: [group.groupEpoch, group.assignmentEpoch, group.assignmentTimestampMs],
    hash: group.metadataHash,
    members: byKey(group.members),
    static: byKey(group.staticMembers),
    targets: byKey(group.targetAssignment),
    subscriptions: byKey(group.subscriptions),
    regexes: byKey(group.resolvedRegexes),
    state: group.state,
  }));
}

function expectSettled(simulation: Simulation): void {
  const { clients, broker, topics } = simulation;
  const group = broker.shard.consumers.get(GROUP);
  const isClassic = broker.shard.groups.has(GROUP);
  if (group === undefined || isClassic) return;
  expect([group.state, [...group.members.keys()].length]).toEqual([
    group.isEmpty ? "Empty" : "Stable",
    group.members.size,
  ]);
  const alive = clients.filter(({ isAlive, memberId }) => isAlive && group.members.has(memberId));
  for (const [name, { id, partitionCount }] of topics.byName) {
    const readers = alive.filter(({ memberId }) => {
      const { subscribedTopicNames, subscribedTopicRegex } = group.members.get(memberId)!;
      const matched = group.resolvedRegexes.get(subscribedTopicRegex ?? "")?.topics ?? [];
      return subscribedTopicNames.includes(name) || matched.includes(name);
    });
    for (let partition = 0; partition < partitionCount; partition++) {
      const owners = alive.filter(({ owned }) => owned.has(`${id}-${partition}`));
      expect([name, partition, owners.length]).toEqual([
        name,
        partition,
        Math.min(readers.length, 1),
      ]);
    }
  }
}

function runSeed(seed: number): void {
  const simulation = new Simulation(seed);
  runLife({
    simulation,
    recorded,
    check() {
      // One that is being read is not whole yet.
      simulation.broker.runtime.forEach(({ consumers }) => {
        for (const group of consumers.byId.values()) check(group);
      });
      expectOneOwner(simulation);
    },
    expectSettled: () => expectSettled(simulation),
  });
}

describe("random consumers", () => {
  // More of them: SEEDS=2000 bun test random-consumers
  for (const seed of seeds(40)) {
    test(`seed ${seed}: one owner at any time, a restart changes nothing, all is assigned`, () => {
      runSeed(seed);
    });
  }
});
