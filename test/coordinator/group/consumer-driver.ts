/** Clients of the consumer protocol on a `GroupDriver`, and topics that change as a test says. */
import type { TopicChanges } from "../../../src/coordinator/group/epoch-groups.ts";
import type * as messages from "../../../src/coordinator/group/group-messages.ts";
import type { TopicDirectory } from "../../../src/coordinator/group/topic-directory.ts";
import { Call, type DriverOptions, GroupDriver } from "./group-driver.ts";

export type Heartbeat = messages.ConsumerHeartbeatRequest;
type Options = Partial<Heartbeat> & {
  readonly apiVersion?: number;
  readonly clientId?: string;
};

/** Topics by name. Each that is made has an id that none had before. */
export class FakeTopics implements TopicDirectory {
  readonly byName = new Map<string, { id: string; partitionCount: number }>();
  readonly racks = new Map<string, string[]>();
  #version = 1;
  #madeCount = 0;

  constructor(partitionCounts: Readonly<Record<string, number>> = {}) {
    for (const [name, count] of Object.entries(partitionCounts)) this.create(name, count);
  }

  create(name: string, partitionCount: number): TopicChanges {
    this.#madeCount += 1;
    const id = `T${String(this.#madeCount).padStart(20, "0")}A`;
    this.byName.set(name, { id, partitionCount });
    this.#version += 1;
    return { names: [name], hasNew: true };
  }

  grow(name: string, partitionCount: number): TopicChanges {
    this.byName.get(name)!.partitionCount = partitionCount;
    this.#version += 1;
    return { names: [name], hasNew: false };
  }

  delete(name: string): TopicChanges {
    this.byName.delete(name);
    this.#version += 1;
    return { names: [name], hasNew: false };
  }

  nameOf(id: string): string | null {
    for (const [name, topic] of this.byName) if (topic.id === id) return name;
    return null;
  }

  idOf(name: string): string | null {
    return this.byName.get(name)?.id ?? null;
  }

  hasPartition(name: string, partition: number): boolean {
    return partition < (this.partitionCountOf(name) ?? 0);
  }

  partitionCountOf(name: string): number | null {
    return this.byName.get(name)?.partitionCount ?? null;
  }

  racksOf(name: string): readonly string[] {
    return this.racks.get(name) ?? [];
  }

  names(): Iterable<string> {
    return this.byName.keys();
  }

  version(): number {
    return this.#version;
  }
}

export class ConsumerDriver extends GroupDriver {
  readonly topics: FakeTopics;

  constructor(options: DriverOptions & { readonly topics?: FakeTopics } = {}) {
    const topics = options.topics ?? new FakeTopics({ t: 4 });
    super({ ...options, topics });
    this.topics = topics;
  }

  override restarted(): ConsumerDriver {
    const { config, topics, clock, log } = this;
    const options = { config, topics, clock: clock.fork(), log: log.reopened() };
    return new ConsumerDriver(options).start();
  }

  override start(): this {
    super.start();
    return this;
  }

  /** A member that joins, unless an epoch is given. */
  beating(options: Options = {}): Call<messages.ConsumerHeartbeatResponse> {
    const { apiVersion = 1, clientId = "client", ...given } = options;
    const joins = (given.memberEpoch ?? 0) === 0;
    const request: Heartbeat = {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: joins ? 30_000 : -1,
      subscribedTopicNames: joins ? ["t"] : null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: joins ? [] : null,
      ...given,
    };
    const from = { apiVersion, clientId, clientHost: "/10.0.0.1" };
    return new Call(this.clock, this.coordinator.consumerHeartbeat(request, from));
  }

  beat(options: Options = {}): messages.ConsumerHeartbeatResponse {
    return this.now(this.beating(options).promise);
  }

  /** Partitions by topic name, as a heartbeat says that the member has them. */
  owned(partitions: Readonly<Record<string, number[]>>): Heartbeat["topicPartitions"] {
    return Object.entries(partitions).map(([name, numbers]) => ({
      topicId: this.topics.idOf(name) ?? "",
      partitions: numbers,
    }));
  }

  /** What an answer assigns, by topic name; null where it does not say. */
  assigned({ assignment }: messages.ConsumerHeartbeatResponse): Record<string, number[]> | null {
    if (assignment === null || assignment === undefined) return null;
    return Object.fromEntries(
      assignment.topicPartitions.map(({ topicId, partitions }) => [
        this.topics.nameOf(topicId) ?? topicId,
        [...partitions],
      ]),
    );
  }

  describeConsumer(groupId = "g"): messages.ConsumerDescribedGroup {
    return this.now(this.coordinator.describeConsumerGroups([groupId]))[0]!;
  }

  /** State, group epoch and assignment epoch. */
  epochs(groupId = "g"): [string, number, number] {
    const { groupState, groupEpoch, assignmentEpoch } = this.describeConsumer(groupId);
    return [groupState, groupEpoch, assignmentEpoch];
  }

  memberIds(groupId = "g"): string[] {
    return this.describeConsumer(groupId)
      .members.map(({ memberId }) => memberId)
      .sort();
  }
}
