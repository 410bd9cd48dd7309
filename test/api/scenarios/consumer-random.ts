import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { describeGroups } from "../../../src/protocol/messages/15-describe-groups.ts";
import { consumerGroupDescribe } from "../../../src/protocol/messages/69-consumer-group-describe.ts";
import { consumerProtocolSubscription } from "../../../src/protocol/records/consumer-protocol.ts";
import { encodeVersioned } from "../../../src/protocol/records/frame.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import type { Asker, Scenario } from "../asker.ts";
import { beat, beating, describe, SETTINGS } from "./consumer-groups.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";

/** Each has a bucket of its own in a Java HashMap, so that its order does not hang on theirs. */
const IDS = Array.from({ length: 16 }, (_, index) => `m${String.fromCharCode(48 + index)}`);
const INSTANCES = ["i", "j"];
/** One that is there: with two, what is assigned would hang on the order of their random ids. */
const TOPICS = ["t", "absent"];
const STEP_COUNT = 120;

interface Member {
  memberId: string;
  instanceId: string | null;
  epoch: number;
  owned: { topicId: string; partitions: number[] }[];
  isClassic: boolean;
}

/**
 * Members of both protocols in one group. More of them on live brokers: RANDOM_GROUPS=120.
 * Requests are right mostly, and wrong now and then.
 */
class RandomGroup {
  readonly #asker: Asker;
  readonly #groupId: string;
  readonly #random: FakeRandom;
  readonly #topicIds: Readonly<Record<string, string>>;
  readonly #members: Member[] = [];

  constructor(asker: Asker, seed: number, topicIds: Readonly<Record<string, string>>) {
    this.#asker = asker;
    this.#groupId = `random-${seed}`;
    this.#random = new FakeRandom(seed);
    this.#topicIds = topicIds;
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEP_COUNT; step++) {
      await this.#step();
      if (step % 6 === 5) await describe(this.#asker, 1, `step ${step}`, this.#groupId);
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const kind = random.below(100);
    if (this.#members.length === 0 || (kind < 15 && this.#members.length < 8)) return this.#join();
    const member = random.pick(this.#members);
    if (kind < 22) return this.#leave(member);
    if (kind < 26 && !member.isClassic) return this.#comeBack(member);
    if (kind < 32) return this.#commit(member);
    return member.isClassic ? this.#goOnClassic(member) : this.#beat(member);
  }

  #names(): string[] {
    return TOPICS.filter(() => this.#random.chance(0.6));
  }

  async #join(): Promise<void> {
    const random = this.#random;
    const taken = new Set(this.#members.map(({ memberId }) => memberId));
    const memberId = random.pick(IDS.filter((id) => !taken.has(id)));
    const isClassic = random.chance(0.3) && this.#members.some((each) => !each.isClassic);
    const instanceId = random.chance(0.25) ? random.pick(INSTANCES) : null;
    const member = { memberId, instanceId, epoch: 0, owned: [], isClassic };
    if (isClassic) return this.#joinClassic({ ...member, instanceId: null });
    const { errorCode } = await this.#joinConsumer(member);
    if (errorCode === 0) this.#keep(member);
  }

  async #joinConsumer(member: Member) {
    const { memberId, instanceId } = member;
    const serverAssignor = this.#random.pick([null, null, "uniform", "range"]);
    // Kafka takes a member that joins to read nothing for one that reads what the others do, and
    // may assign nothing to anybody until the next change: not to be held to.
    const names = this.#names();
    const subscribedTopicNames = names.length === 0 ? ["t"] : names;
    const rest = { instanceId, serverAssignor, subscribedTopicNames };
    const answer = await beat(this.#asker, beating(this.#groupId, memberId, rest), "joins");
    this.#hear(member, answer);
    return answer;
  }

  #keep(member: Member): void {
    // A static member takes the place of its former self.
    const at = this.#members.findIndex(
      (each) => member.instanceId !== null && each.instanceId === member.instanceId,
    );
    if (at >= 0) this.#members.splice(at, 1);
    this.#members.push(member);
  }

  #hear(member: Member, answer: Awaited<ReturnType<typeof beat>>): void {
    if (answer.errorCode !== 0) return;
    member.epoch = answer.memberEpoch;
    if (answer.assignment !== null) member.owned = answer.assignment.topicPartitions;
  }

  async #beat(member: Member): Promise<void> {
    const random = this.#random;
    const { memberId, instanceId, epoch } = member;
    const wrong = random.pick([-1, 1, 2]);
    const memberEpoch = Math.max(random.chance(0.1) ? epoch + wrong : epoch, 1);
    const some = member.owned.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.filter(() => random.chance(0.5)),
    }));
    const strange = [{ topicId: this.#topicIds["t"]!, partitions: [0, 9] }];
    const topicPartitions = random.pick([
      null,
      null,
      member.owned,
      member.owned,
      [],
      some,
      strange,
    ]);
    const names = random.chance(0.12) ? { subscribedTopicNames: this.#names() } : {};
    const full = random.chance(0.1) ? { rebalanceTimeoutMs: 30_000 } : {};
    const rest = { instanceId, memberEpoch, topicPartitions, ...names, ...full };
    this.#hear(member, await beat(this.#asker, beating(this.#groupId, memberId, rest)));
  }

  async #leave(member: Member): Promise<void> {
    const { memberId, instanceId } = member;
    this.#members.splice(this.#members.indexOf(member), 1);
    if (member.isClassic) {
      const members = [{ memberId }];
      await this.#asker.ask(leaveGroup, 5, { groupId: this.#groupId, members });
    } else {
      const rest = { instanceId, memberEpoch: -1 };
      await beat(this.#asker, beating(this.#groupId, memberId, rest), "leaves");
    }
    await this.#endWhereItIsClassic();
  }

  /** Without members of the consumer protocol it is a classic group, whose joins may wait long. */
  async #endWhereItIsClassic(): Promise<void> {
    const request = { groupIds: [this.#groupId], includeAuthorizedOperations: false };
    const { groups } = await this.#asker.quietly(consumerGroupDescribe, 1, request);
    if (groups[0]!.errorCode === 0) return;
    const classic = { groups: [this.#groupId], includeAuthorizedOperations: false };
    await this.#asker.ask(describeGroups, 6, classic, "a classic group");
    const members = this.#members.map(({ memberId }) => ({ memberId }));
    await this.#asker.ask(leaveGroup, 5, { groupId: this.#groupId, members }, "all leave");
    this.#members.length = 0;
  }

  /** A static member goes away for a while, or joins again as it is or under another id. */
  async #comeBack(member: Member): Promise<void> {
    const { memberId, instanceId } = member;
    if (instanceId !== null && this.#random.chance(0.8)) {
      const away = beating(this.#groupId, memberId, { instanceId, memberEpoch: -2 });
      await beat(this.#asker, away, "goes away");
    }
    if (instanceId !== null && this.#random.chance(0.5)) return;
    await this.#joinConsumer(member);
  }

  async #commit({ memberId, epoch, isClassic }: Member): Promise<void> {
    const generationIdOrMemberEpoch = epoch + this.#random.pick([0, 0, 0, -1, -2, 1]);
    const partitions = [0, 3].map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata: "",
    }));
    const topics = [{ name: "t", partitions }];
    const request = { groupId: this.#groupId, memberId, generationIdOrMemberEpoch, topics };
    await this.#asker.ask(offsetCommit, isClassic ? 8 : 9, request);
  }

  // ---- The classic protocol --------------------------------------------------------------------

  async #joinClassic(member: Member): Promise<void> {
    const { memberId } = member;
    const topics = this.#names();
    const owned = this.#random.chance(0.6) ? member.owned : [];
    const ownedPartitions = owned.map(({ topicId, partitions }) => ({
      topic: TOPICS.find((name) => this.#topicIds[name] === topicId)!,
      partitions,
    }));
    const given = { topics, userData: null, ownedPartitions, generationId: -1, rackId: null };
    const metadata = encodeVersioned(consumerProtocolSubscription, 3, given);
    const answer = await this.#asker.ask(joinGroup, 9, {
      groupId: this.#groupId,
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata }],
    });
    if (answer?.errorCode !== 0) return;
    member.epoch = answer.generationId;
    if (!this.#members.includes(member)) this.#keep(member);
  }

  async #goOnClassic(member: Member): Promise<void> {
    const { memberId, epoch } = member;
    const kind = this.#random.below(10);
    if (kind < 3) return this.#joinClassic(member);
    const generationId = this.#random.chance(0.1) ? epoch - 1 : epoch;
    const who = { groupId: this.#groupId, memberId, generationId };
    if (kind < 6) {
      const names = { protocolType: "consumer", protocolName: "range" };
      await this.#asker.ask(syncGroup, 5, { ...who, ...names, assignments: [] });
    } else await this.#asker.ask(heartbeat, 4, who);
  }
}

export const consumerRandomScenario: Scenario = {
  name: "consumer-random",
  settings: {
    ...SETTINGS,
    "group.consumer.session.timeout.ms": "600000",
    "group.consumer.max.session.timeout.ms": "600000",
  },
  async run(asker) {
    const topicIds = { t: await makeTopic(asker, "t", 9) };
    await awaitCoordinator(asker);
    const seeds = Number(process.env["RANDOM_GROUPS"] ?? 5);
    for (let seed = 1; seed <= seeds; seed++) await new RandomGroup(asker, seed, topicIds).run();
  },
};
