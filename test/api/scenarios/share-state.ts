import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { initializeShareGroupState } from "../../../src/protocol/messages/83-initialize-share-group-state.ts";
import { readShareGroupState } from "../../../src/protocol/messages/84-read-share-group-state.ts";
import { writeShareGroupState } from "../../../src/protocol/messages/85-write-share-group-state.ts";
import { deleteShareGroupState } from "../../../src/protocol/messages/86-delete-share-group-state.ts";
import { readShareGroupStateSummary } from "../../../src/protocol/messages/87-read-share-group-state-summary.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import type { Asker, Scenario } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const SHARE = 2;
const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";
const AVAILABLE = 0;
const ACKNOWLEDGED = 2;
const ARCHIVED = 4;

export const SHARE_STATE_SETTINGS = {
  "share.coordinator.state.topic.num.partitions": "3",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
};

type Written = Input<typeof writeShareGroupState.request>["topics"][number]["partitions"][number];
type Batch = Written["stateBatches"][number];

/** Asks until the share coordinator of the partition answers. */
export async function awaitShareCoordinator(asker: Asker, topicId: string, partition = 0) {
  await asker.until(async () => {
    const request = { keyType: SHARE, coordinatorKeys: [`g:${topicId}:${partition}`] };
    const { coordinators } = await asker.quietly(findCoordinator, 6, request);
    if (coordinators[0]!.errorCode !== 0) return false;
    const { results } = await asker.quietly(readShareGroupStateSummary, 1, {
      groupId: "g",
      topics: [{ topicId, partitions: [{ partition, leaderEpoch: 0 }] }],
    });
    return results[0]!.partitions[0]!.errorCode === 0;
  });
}

function batch(
  firstOffset: number,
  lastOffset: number,
  deliveryState = AVAILABLE,
  deliveryCount = 1,
): Batch {
  return { firstOffset, lastOffset, deliveryState, deliveryCount };
}

/** The state of partition 0 of one topic, as its leader and its administrator use it. */
class StateAsker {
  constructor(
    readonly asker: Asker,
    readonly topicId: string,
    readonly groupId = "g",
  ) {}

  initialize(startOffset: number, stateEpoch: number, label: string, partition = 0) {
    const partitions = [{ partition, stateEpoch, startOffset }];
    return this.asker.ask(initializeShareGroupState, 0, this.#of(partitions), label);
  }

  read(leaderEpoch: number, label: string, partition = 0) {
    const partitions = [{ partition, leaderEpoch }];
    return this.asker.ask(readShareGroupState, 0, this.#of(partitions), label);
  }

  async write(label: string, stateBatches: Batch[], rest: Partial<Written> = {}) {
    const partition = { partition: 0, stateEpoch: 0, leaderEpoch: 0, startOffset: -1, ...rest };
    const partitions = [{ deliveryCompleteCount: 0, ...partition, stateBatches }];
    await this.asker.ask(writeShareGroupState, 1, this.#of(partitions), label);
  }

  async writeAndRead(label: string, stateBatches: Batch[], rest: Partial<Written> = {}) {
    await this.write(label, stateBatches, rest);
    await this.read(-1, `after ${label}`);
  }

  summary(label: string, partition = 0, version = 1) {
    const partitions = [{ partition, leaderEpoch: 0 }];
    return this.asker.ask(readShareGroupStateSummary, version, this.#of(partitions), label);
  }

  delete(label: string, partition = 0) {
    return this.asker.ask(deleteShareGroupState, 0, this.#of([{ partition }]), label);
  }

  #of<P>(partitions: P[]) {
    return { groupId: this.groupId, topics: [{ topicId: this.topicId, partitions }] };
  }
}

export const shareStateScenario: Scenario = {
  name: "share-state",
  settings: SHARE_STATE_SETTINGS,
  async run(asker) {
    const topicId = await makeTopic(asker, "t", 3);
    await askForCoordinators(asker, NOBODYS_ID);
    await awaitShareCoordinator(asker, topicId);
    const state = new StateAsker(asker, topicId);
    await askBadly(asker, topicId);
    await state.read(0, "before there is anything");
    await state.write("before there is anything", []);
    await state.summary("before there is anything");
    await state.delete("before there is anything");
    await state.initialize(-1, 0, "without an offset");
    await state.summary("of what has no offset yet");
    await state.read(0, "of what has no offset yet");
    await mergeBatches(state);
    await fence(state);
    await state.initialize(10, 5, "anew");
    await state.read(-1, "what began anew");
    await state.summary("what began anew");
    await state.summary("what began anew, in old words", 0, 0);
    await state.delete("for good");
    await state.summary("what is deleted");
    await state.read(-1, "what is deleted");
    await state.initialize(3, 0, "what was deleted");
    await state.read(9, "of a later leader");
    await asker.quietly(deleteTopics, 6, {
      topics: [{ name: "t", topicId: ZERO_UUID }],
      timeoutMs: 5000,
    });
    // Kafka's coordinators learn of it a little later.
    await asker.until(async () => {
      const topics = [{ topicId, partitions: [{ partition: 0, leaderEpoch: -1 }] }];
      const request = { groupId: "g", topics };
      const { results } = await asker.quietly(readShareGroupState, 0, request);
      return results[0]!.partitions[0]!.errorCode !== 0;
    });
    await state.summary("of a topic that is deleted");
    await state.read(-1, "of a topic that is deleted");
  },
};

async function askForCoordinators(asker: Asker, topicId: string): Promise<void> {
  const keys = [
    "",
    "g",
    "g:t",
    `g:${topicId}`,
    `g:${topicId}:`,
    `:${topicId}:0`,
    ` :${topicId}:0`,
    `g:${topicId}:x`,
    `g:not an id:0`,
    `g:${topicId}:4294967296`,
  ];
  await asker.ask(findCoordinator, 6, { keyType: SHARE, coordinatorKeys: keys }, "no such keys");
  await asker.ask(findCoordinator, 5, { keyType: SHARE, coordinatorKeys: ["g"] }, "too early");
  const coordinatorKeys = [
    `g:${topicId}:0`,
    `g:${topicId}:0:`,
    `g:h:${topicId}:-1`,
    `g:${topicId}:+7`,
  ];
  await asker.ask(findCoordinator, 6, { keyType: SHARE, coordinatorKeys }, "first of all");
  await asker.until(async () => {
    const { coordinators } = await asker.quietly(findCoordinator, 6, {
      keyType: SHARE,
      coordinatorKeys,
    });
    return coordinators.every(({ errorCode }) => errorCode === 0);
  });
  await asker.ask(findCoordinator, 6, { keyType: SHARE, coordinatorKeys }, "when it is there");
  const configurationKeys = [
    "cleanup.policy",
    "compression.type",
    "min.insync.replicas",
    "retention.ms",
    "segment.bytes",
  ];
  await asker.ask(describeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: "__share_group_state", configurationKeys }],
  });
}

async function askBadly(asker: Asker, topicId: string): Promise<void> {
  for (const topics of [[], [{ topicId, partitions: [] }]]) {
    for (const groupId of ["", "g"]) {
      const label = `of "${groupId}"`;
      await asker.ask(initializeShareGroupState, 0, { groupId, topics }, label);
      await asker.ask(readShareGroupState, 0, { groupId, topics }, label);
      await asker.ask(writeShareGroupState, 1, { groupId, topics }, label);
      await asker.ask(deleteShareGroupState, 0, { groupId, topics }, label);
      await asker.ask(readShareGroupStateSummary, 1, { groupId, topics }, label);
    }
  }
  for (const [id, partition] of [
    [topicId, -1],
    [topicId, 7],
    [NOBODYS_ID, 0],
  ] as const) {
    const state = new StateAsker(asker, id, "other");
    const label = `of partition ${partition}`;
    await state.initialize(0, 0, label, partition);
    await state.read(0, label, partition);
    await state.write(label, [], { partition });
    await state.summary(label, partition);
    await state.delete(label, partition);
  }
  const nameless = new StateAsker(asker, topicId, "");
  await nameless.initialize(0, 0, "without a group");
  await nameless.summary("without a group");
}

async function mergeBatches(state: StateAsker): Promise<void> {
  await state.writeAndRead("the first", [batch(0, 9), batch(10, 19)], { startOffset: 0 });
  await state.writeAndRead("another count", [batch(5, 7, AVAILABLE, 2)]);
  await state.writeAndRead("a lower count", [batch(6, 12, AVAILABLE, 0)]);
  await state.writeAndRead("another state", [batch(8, 12, ACKNOWLEDGED, 1)]);
  await state.writeAndRead("the end of another", [batch(15, 24, ARCHIVED, 1)]);
  await state.writeAndRead("twice the same", [batch(30, 31), batch(30, 31)]);
  await state.writeAndRead("neighbours", [batch(40, 41), batch(42, 45), batch(46, 47, 0, 2)]);
  await state.writeAndRead("a later start", [], { startOffset: 6, deliveryCompleteCount: 7 });
  await state.summary("after a later start");
  await state.writeAndRead("a start in between", [batch(2, 44, ACKNOWLEDGED, 3)], {
    startOffset: 11,
  });
}

async function fence(state: StateAsker): Promise<void> {
  await state.read(4, "of a new leader");
  await state.summary("of a new leader");
  await state.read(3, "of an old leader");
  await state.write("of an old leader", [], { leaderEpoch: 3 });
  await state.write("of no leader", [batch(60, 61)], { leaderEpoch: -1 });
  await state.write("of a later leader", [batch(62, 63)], { leaderEpoch: 9 });
  await state.read(4, "of the leader still");
  await state.initialize(5, 3, "with a later state epoch");
  await state.write("with an old state epoch", [], { leaderEpoch: 4, stateEpoch: 2 });
  await state.write("with no state epoch", [], { leaderEpoch: 4, stateEpoch: -1 });
  await state.initialize(7, 2, "with an old state epoch");
  await state.initialize(7, -1, "with no state epoch");
  await state.read(3, "of an old leader again");
  await state.read(-1, "of nobody");
}
