/** A share group whose coordinator, states and partitions are on different brokers. */
import { expect, test } from "bun:test";
import { shareGroupHeartbeat } from "../../src/protocol/messages/76-share-group-heartbeat.ts";
import { describeShareGroupOffsets } from "../../src/protocol/messages/90-describe-share-group-offsets.ts";
import { deleteGroups } from "../../src/protocol/messages/42-delete-groups.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { append } from "../api/scenarios/prepare.ts";
import { ACCEPT, earliestGroup, Member, of } from "../api/scenarios/share-member.ts";
import { Neighbours } from "./neighbours.ts";

const GROUP = "sharers";
const MEMBER = "AAAAAAAAAAAAAAAAAAAAIQ";

/** Broker 1 coordinates groups, 2 keeps states, 3 leads the partition. */
class Arena {
  readonly brokers = new Neighbours(3);
  readonly statesId: string;
  readonly topicId: string;

  constructor() {
    this.brokers.topic("__consumer_offsets", [1]);
    this.statesId = this.brokers.topic("__share_group_state", [2]);
    this.topicId = this.brokers.topic("t", [3]);
    for (const id of [1, 2, 3]) {
      this.brokers.wait(earliestGroup(this.brokers.asker(id), GROUP));
    }
    this.brokers.wait(append(this.brokers.asker(3), "t", 0, { timestamps: [1, 2, 3] }));
  }

  beat(memberEpoch: number): number {
    const joining = memberEpoch === 0 ? { subscribedTopicNames: ["t"] } : {};
    const request = { groupId: GROUP, memberId: MEMBER, memberEpoch, ...joining };
    const answer = this.brokers.ask(1, shareGroupHeartbeat, 1, request);
    expect(answer.errorCode).toBe(ErrorCode.NONE);
    return answer.memberEpoch;
  }

  offsets() {
    const request = { groups: [{ groupId: GROUP, topics: null }] };
    const [group] = this.brokers.ask(1, describeShareGroupOffsets, 1, request).groups;
    return group!.topics.flatMap(({ partitions }) =>
      partitions.map(({ startOffset, lag, errorCode }) => ({ startOffset, lag, errorCode })),
    );
  }

  /** Until the group has told the coordinator of states what it reads. */
  join(): void {
    let epoch = this.beat(0);
    for (let beats = 0; beats < 20 && this.offsets().length === 0; beats++) {
      this.brokers.client.clock.advance(1000);
      epoch = this.beat(epoch);
    }
  }
}

function rangesOf(answer: Awaited<ReturnType<Member["fetchQuietly"]>>) {
  return answer.responses
    .flatMap(({ partitions }) => partitions)
    .flatMap(({ acquiredRecords }) => acquiredRecords)
    .map(({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount]);
}

test("is initialized, read, acknowledged, described and deleted over three brokers", () => {
  const arena = new Arena();
  const { brokers, topicId } = arena;
  arena.join();
  const member = new Member(brokers.asker(3), GROUP, MEMBER);
  expect(rangesOf(brokers.wait(member.fetchQuietly(of(topicId))))).toEqual([[0, 2, 1]]);
  const acknowledged = brokers.wait(member.acknowledge("two", of(topicId, 0, [0, 1, ACCEPT])));
  expect(acknowledged!.responses[0]!.partitions[0]!.errorCode).toBe(0);
  expect(arena.offsets()).toEqual([{ startOffset: 0, lag: 1, errorCode: 0 }]);
  const states = brokers.broker(2).partitions.find("__share_group_state", 0)!;
  expect(states.log.logEndOffset).toBeGreaterThan(1);
  expect(brokers.broker(3).partitions.find("__share_group_state", 0)).toBeNull();
  arena.beat(-1);
  const { results } = brokers.ask(1, deleteGroups, 2, { groupsNames: [GROUP] });
  expect(results[0]!.errorCode).toBe(0);
  expect(arena.offsets()).toEqual([]);
  brokers.stop();
});

test("goes on when the coordinator of its states comes back, and is told when it does not", () => {
  const arena = new Arena();
  const { brokers, topicId } = arena;
  arena.join();
  const member = new Member(brokers.asker(3), GROUP, MEMBER);
  brokers.wait(member.fetchQuietly(of(topicId)));
  brokers.client.wire.cut("10.0.0.3", "10.0.0.2");
  const asked = member.acknowledge("two", of(topicId, 0, [0, 1, ACCEPT]));
  brokers.client.clock.advance(3000);
  brokers.client.wire.heal("10.0.0.3", "10.0.0.2");
  expect(brokers.wait(asked)!.responses[0]!.partitions[0]!.errorCode).toBe(0);
  brokers.lead(arena.statesId, 0, -1);
  const failed = brokers.wait(member.acknowledge("one", of(topicId, 0, [2, 2, ACCEPT])))!;
  expect(failed.responses[0]!.partitions[0]).toMatchObject({
    errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  });
  brokers.lead(arena.statesId, 0, 2);
  const again = brokers.wait(member.fetchQuietly([]));
  expect(rangesOf(again).at(-1)?.slice(0, 2)).toEqual([2, 2]);
  brokers.stop();
});
