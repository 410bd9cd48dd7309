import { expect, test } from "bun:test";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { shareGroupHeartbeat } from "../../src/protocol/messages/76-share-group-heartbeat.ts";
import { shareGroupDescribe } from "../../src/protocol/messages/77-share-group-describe.ts";
import { readShareGroupState } from "../../src/protocol/messages/84-read-share-group-state.ts";
import { writeShareGroupState } from "../../src/protocol/messages/85-write-share-group-state.ts";
import { describeShareGroupOffsets } from "../../src/protocol/messages/90-describe-share-group-offsets.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { awaitCoordinator } from "../api/scenarios/groups.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { SHARE_GROUP_SETTINGS } from "../api/scenarios/share-groups.ts";
import { afterKill, fakeWorld } from "../sim/fake-world.ts";

const EARLIEST = -2;
const GROUP = "g";
const SETTINGS = {
  ...SHARE_GROUP_SETTINGS,
  "share.coordinator.state.topic.num.partitions": "1",
  "share.coordinator.snapshot.update.records.per.snapshot": "10",
};

/** A group with a member, and the state of the one partition that it reads. */
class Group {
  constructor(
    readonly broker: TestBroker,
    readonly topicId: string,
  ) {}

  async begin(): Promise<void> {
    const { asker } = this.broker;
    await asker.quietly(shareGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: "m",
      memberEpoch: 0,
      subscribedTopicNames: ["t"],
    });
    await asker.until(async () => (await this.offsets()).length === 1);
  }

  async offsets() {
    const request = { groups: [{ groupId: GROUP, topics: null }] };
    const answer = await this.broker.asker.quietly(describeShareGroupOffsets, 1, request);
    return answer.groups[0]!.topics;
  }

  async acknowledge(offset: number): Promise<void> {
    const batch = { firstOffset: offset, lastOffset: offset, deliveryState: 2, deliveryCount: 1 };
    const state = { stateEpoch: 2, leaderEpoch: 0, startOffset: -1, deliveryCompleteCount: 1 };
    const partitions = [{ partition: 0, ...state, stateBatches: [batch] }];
    const topics = [{ topicId: this.topicId, partitions }];
    const request = { groupId: GROUP, topics };
    const { results } = await this.broker.asker.quietly(writeShareGroupState, 1, request);
    expect(results[0]!.partitions[0]!.errorCode).toBe(0);
  }

  async state() {
    const topics = [{ topicId: this.topicId, partitions: [{ partition: 0, leaderEpoch: -1 }] }];
    const request = { groupId: GROUP, topics };
    const { results } = await this.broker.asker.quietly(readShareGroupState, 0, request);
    return results[0]!.partitions[0]!;
  }

  async described() {
    const request = { groupIds: [GROUP], includeAuthorizedOperations: false };
    return (await this.broker.asker.quietly(shareGroupDescribe, 1, request)).groups[0]!;
  }

  /** Of the topic of states. */
  async logStartOffset(): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp: EARLIEST }];
    const answer = await this.broker.asker.quietly(listOffsets, 1, {
      replicaId: -1,
      topics: [{ name: "__share_group_state", partitions }],
    });
    return answer.topics[0]!.partitions[0]!.offset;
  }
}

test("a share group is after a crash what it was before, and old states are deleted", () => {
  const world = fakeWorld();
  const broker = startBroker(SETTINGS, world);
  const group = broker.wait(
    makeTopic(broker.asker, "t", 1).then((topicId) => new Group(broker, topicId)),
  );
  broker.wait(awaitCoordinator(broker.asker));
  broker.wait(group.begin());
  // Every other one, so that none are one batch.
  for (let offset = 0; offset < 50; offset += 2) broker.wait(group.acknowledge(offset));
  expect(broker.wait(group.logStartOffset())).toBe(0);
  world.clock.advance(300_000);
  // One initialisation, two times ten updates and a snapshot each, and what is new since.
  expect(broker.wait(group.logStartOffset())).toBe(22);
  const before = [group.state(), group.described(), group.offsets()].map((asked) =>
    broker.wait<unknown>(asked),
  );
  expect(broker.wait(group.state()).stateBatches).toHaveLength(25);

  const again = new Group(startBroker(SETTINGS, afterKill(world)), group.topicId);
  again.broker.wait(awaitCoordinator(again.broker.asker));
  again.broker.wait(again.broker.asker.until(async () => (await again.state()).errorCode === 0));
  const after = [again.state(), again.described(), again.offsets()].map((asked) =>
    again.broker.wait<unknown>(asked),
  );
  expect(after).toEqual(before);
  again.broker.wait(again.acknowledge(1));
  expect(again.broker.wait(again.state()).stateBatches).toHaveLength(24);
});
