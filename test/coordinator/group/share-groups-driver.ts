/** Members of share groups on a `GroupDriver`, over topics that change as a test says. */
import type * as messages from "../../../src/coordinator/group/group-messages.ts";
import { MemoryShareState } from "../share/memory-share-state.ts";
import { FakeTopics } from "./consumer-driver.ts";
import { type DriverOptions, from, GroupDriver } from "./group-driver.ts";

export class ShareGroupDriver extends GroupDriver {
  readonly fakeTopics: FakeTopics;

  constructor(options: DriverOptions & { readonly fakeTopics?: FakeTopics } = {}) {
    const fakeTopics = options.fakeTopics ?? new FakeTopics({ a: 3, b: 1 });
    super({ topics: fakeTopics, ...options });
    this.fakeTopics = fakeTopics;
  }

  override start(): this {
    super.start();
    return this;
  }

  override restarted(): ShareGroupDriver {
    this.coordinator.stop();
    return new ShareGroupDriver({
      config: this.config,
      clock: this.clock.fork(),
      shareState: this.shareState,
      fakeTopics: this.fakeTopics,
      log: this.log.reopened(),
    }).start();
  }

  beat(
    memberId: string,
    memberEpoch = 0,
    subscribedTopicNames: string[] | null = memberEpoch === 0 ? ["a"] : null,
    groupId = "g",
  ): messages.ShareHeartbeatResponse {
    const request = { groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames };
    const answer = this.now(this.coordinator.shareHeartbeat(request, from(1)));
    // What is begun beside it comes to its end.
    this.clock.settle();
    return answer;
  }

  /** Joins, and comes back for what has a state by then. */
  joins(memberId: string, names = ["a"]): messages.ShareHeartbeatResponse {
    const { memberEpoch } = this.beat(memberId, 0, names);
    const answer = this.beat(memberId, memberEpoch);
    return answer.assignment ? answer : this.beat(memberId, answer.memberEpoch, names);
  }

  described(groupId = "g"): messages.ShareDescribedGroup {
    return this.now(this.coordinator.describeShareGroups([groupId]))[0]!;
  }

  /** "a-0 5 95": topic, partition, start offset and lag of all that has a state. */
  startOffsets(groupId = "g"): string[] {
    const { topics } = this.now(this.coordinator.describeShareOffsets({ groupId, topics: null }));
    return topics
      .flatMap(({ topicName, partitions }) =>
        partitions.map(
          ({ partitionIndex, startOffset, lag }) =>
            `${topicName}-${partitionIndex} ${startOffset} ${lag}`,
        ),
      )
      .sort();
  }

  alter(starts: Readonly<Record<string, Readonly<Record<number, number>>>>, groupId = "g") {
    const topics = Object.entries(starts).map(([topicName, partitions]) => ({
      topicName,
      partitions: Object.entries(partitions).map(([index, startOffset]) => ({
        partitionIndex: Number(index),
        startOffset,
      })),
    }));
    return this.now(this.coordinator.alterShareOffsets({ groupId, topics }));
  }

  deleteOffsets(...names: string[]) {
    const topics = names.map((topicName) => ({ topicName }));
    return this.now(this.coordinator.deleteShareOffsets({ groupId: "g", topics }));
  }
}

/** Never answers, as a share coordinator that is gone. */
export class SilentShareState extends MemoryShareState {
  isSilent = true;

  override initializeState(...given: Parameters<MemoryShareState["initializeState"]>) {
    const answer = super.initializeState(...given);
    return this.isSilent ? new Promise<never>(() => undefined) : answer;
  }
}

/** "a: 0,1": what a member has, in order. */
export function had(
  driver: ShareGroupDriver,
  { assignment }: messages.ShareHeartbeatResponse,
): string[] {
  const topics = assignment?.topicPartitions ?? [];
  return topics
    .map(({ topicId, partitions }) => `${driver.fakeTopics.nameOf(topicId)}: ${partitions.join()}`)
    .sort();
}
