import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { streamsGroupDescribe } from "../../../src/protocol/messages/89-streams-group-describe.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import type { Asker, Scenario } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";
import {
  internalTopic,
  NO_TASKS,
  STREAMS_SETTINGS,
  type StreamsBeat,
  streamsBeat,
  streamsBeating,
  subtopology,
  type TaskInput,
} from "./streams-kit.ts";

const IDS = Array.from({ length: 16 }, (_, index) => `m${String.fromCharCode(48 + index)}`);
const STEP_COUNT = 120;

/** Its internal topics are there before: nothing hangs on how long they take. */
const TOPOLOGY = {
  epoch: 1,
  subtopologies: [
    subtopology("0", { sourceTopics: ["t"], stateChangelogTopics: [internalTopic("c")] }),
    subtopology("1", { sourceTopics: ["u"] }),
    subtopology("2", { sourceTopics: ["t", "u"], stateChangelogTopics: [internalTopic("d")] }),
  ],
};

interface Member {
  readonly memberId: string;
  epoch: number;
  active: TaskInput[];
  standby: TaskInput[];
}

/**
 * Threads of a few processes in one group. More of them on live brokers: RANDOM_GROUPS=120.
 * Requests are right mostly, and wrong now and then.
 */
class RandomGroup {
  readonly #asker: Asker;
  readonly #groupId: string;
  readonly #random: FakeRandom;
  readonly #members: Member[] = [];

  constructor(asker: Asker, seed: number) {
    this.#asker = asker;
    this.#groupId = `random-${seed}`;
    this.#random = new FakeRandom(seed);
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEP_COUNT; step++) {
      await this.#step();
      if (step % 6 === 5) await this.#describe(`step ${step}`);
    }
  }

  /** Kafka shows what it has made of a topology only after the next record: not to be held to. */
  async #describe(label: string): Promise<void> {
    const request = { groupIds: [this.#groupId], includeAuthorizedOperations: false };
    await this.#asker.ask(streamsGroupDescribe, 0, request, label, ({ groups }) => {
      for (const group of groups) group.topology = null;
    });
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const kind = random.below(100);
    if (this.#members.length === 0 || (kind < 15 && this.#members.length < 8)) return this.#join();
    const member = random.pick(this.#members);
    if (kind < 21) return this.#leave(member);
    if (kind < 26) return this.#commit(member);
    return kind < 29 ? this.#joinAs(member) : this.#beat(member);
  }

  async #join(): Promise<void> {
    const taken = new Set(this.#members.map(({ memberId }) => memberId));
    const memberId = this.#random.pick(IDS.filter((id) => !taken.has(id)));
    const member = { memberId, epoch: 0, active: [], standby: [] };
    this.#members.push(member);
    await this.#joinAs(member);
  }

  async #joinAs(member: Member): Promise<void> {
    const { memberId } = member;
    const rest: Partial<StreamsBeat> = {
      topology: TOPOLOGY,
      // Who joins again stays where it is, or Kafka tells of the place where it was.
      processId: `p${(memberId.charCodeAt(1) * 7) % 4}`,
      userEndpoint: memberId.charCodeAt(1) % 2 === 0 ? { host: memberId, port: 1 } : null,
    };
    await this.#ask(member, rest, "joins");
  }

  async #ask(member: Member, rest: Partial<StreamsBeat>, label = ""): Promise<void> {
    const endpointInformationEpoch = this.#random.below(4);
    const request = { endpointInformationEpoch, ...rest };
    const answer = await streamsBeat(
      this.#asker,
      streamsBeating(this.#groupId, member.memberId, request),
      label,
    );
    if (answer.errorCode !== 0) return;
    member.epoch = answer.memberEpoch;
    member.active = answer.activeTasks ?? member.active;
    member.standby = answer.standbyTasks ?? member.standby;
  }

  async #beat(member: Member): Promise<void> {
    const random = this.#random;
    const { epoch, active, standby } = member;
    const wrong = random.pick([-1, 1, 2]);
    const memberEpoch = Math.max(random.chance(0.1) ? epoch + wrong : epoch, 1);
    const some = active.map(({ subtopologyId, partitions }) => ({
      subtopologyId,
      partitions: partitions.filter(() => random.chance(0.5)),
    }));
    const strange = [{ subtopologyId: "1", partitions: [0, 9] }];
    const has = { ...NO_TASKS, activeTasks: active, standbyTasks: standby };
    const said = random.pick([
      {},
      {},
      has,
      has,
      has,
      NO_TASKS,
      { ...has, activeTasks: some },
      { ...has, activeTasks: strange },
    ]);
    const rack = random.chance(0.06) ? { rackId: random.pick(["r", "s"]) } : {};
    await this.#ask(member, { memberEpoch, ...said, ...rack });
  }

  async #leave(member: Member): Promise<void> {
    this.#members.splice(this.#members.indexOf(member), 1);
    await this.#ask(member, { memberEpoch: -1 }, "leaves");
  }

  async #commit({ memberId, epoch }: Member): Promise<void> {
    const generationIdOrMemberEpoch = epoch + this.#random.pick([0, 0, 0, -1, -2, 1]);
    const partitions = [0, 3].map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata: "",
    }));
    const topics = [{ name: "t", partitions }];
    const request = { groupId: this.#groupId, memberId, generationIdOrMemberEpoch, topics };
    await this.#asker.ask(offsetCommit, 9, request);
  }
}

export const streamsRandomScenario: Scenario = {
  name: "streams-random",
  settings: {
    ...STREAMS_SETTINGS,
    "group.streams.num.standby.replicas": "1",
    "group.streams.session.timeout.ms": "600000",
    "group.streams.max.session.timeout.ms": "600000",
  },
  async run(asker) {
    await makeTopic(asker, "t", 6);
    await makeTopic(asker, "u", 3);
    await makeTopic(asker, "c", 6);
    await makeTopic(asker, "d", 6);
    await awaitCoordinator(asker);
    const seeds = Number(process.env["RANDOM_GROUPS"] ?? 2);
    for (let seed = 1; seed <= seeds; seed++) await new RandomGroup(asker, seed).run();
  },
};
