/** KIP-853: voters come, go and move, while the quorum goes on. */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import type { RaftRequest, RaftResponse } from "../../../src/raft/core/messages.ts";
import { CLUSTER_ID } from "../controller-harness.ts";
import { writing } from "../node-harness.ts";
import { TestQuorum, voterOf } from "./test-quorum.ts";

const DYNAMIC = { voters: [1, 2, 3], isDynamic: true };
const NO_OP = { name: "NoOpRecord", version: 0, value: {} } as const;
const { NONE } = ErrorCode;

describe("a voter", () => {
  test("is added when it has read along, and counts then", () => {
    const quorum = new TestQuorum({ ...DYNAMIC, others: [4] });
    expect(ask(quorum, adding(4))).toMatchObject({ topLevelError: ErrorCode.REQUEST_TIMED_OUT });
    quorum.settle();
    expect(ask(quorum, adding(4))).toMatchObject({ topLevelError: NONE, errorMessage: null });
    expect(ask(quorum, adding(4))).toMatchObject({ topLevelError: ErrorCode.DUPLICATE_VOTER });
    quorum.settle();
    for (const { running } of quorum.members.values()) {
      expect([...running.raft.voters.keys()]).toEqual([1, 2, 3, 4]);
    }
    // Of four, two are no majority.
    const leader = quorum.leader();
    const [one, two] = [1, 2, 3, 4].filter((id) => id !== leader.id);
    quorum.kill(one!);
    quorum.run(leader, writing(NO_OP));
    quorum.kill(two!);
    const stuck = leader.running.submit(writing(NO_OP));
    expect(quorum.clock.await(stuck.catch((error: Error) => error.name))).toBe("Error");
  });

  test("is removed, and the leader that is meant resigns", () => {
    const quorum = new TestQuorum(DYNAMIC);
    quorum.settle();
    const leader = quorum.leader();
    const [follower] = quorum.followers();
    expect(ask(quorum, removing(follower!.id))).toMatchObject({ topLevelError: NONE });
    quorum.settle();
    expect(follower!.running.raft.state).toBe("observer");
    expect(ask(quorum, removing(follower!.id))).toMatchObject({
      topLevelError: ErrorCode.VOTER_NOT_FOUND,
    });
    expect(ask(quorum, removing(leader.id))).toMatchObject({ topLevelError: NONE });
    const next = quorum.leader([leader.id]);
    quorum.run(next, writing(NO_OP));
    expect([...next.running.raft.voters.keys()]).toEqual([next.id]);
    expect(ask(quorum, removing(next.id))).toMatchObject({
      topLevelError: ErrorCode.VOTER_NOT_FOUND,
    });
    quorum.settle();
    expect(leader.running.raft.state).toBe("observer");
  });

  test("that lost its disk is no voter any more, until it is added again", () => {
    const quorum = new TestQuorum(DYNAMIC);
    quorum.settle();
    const [wiped] = quorum.followers();
    quorum.wipe(wiped!.id);
    quorum.settle();
    expect(wiped!.running.raft.state).toBe("observer");
    expect(ask(quorum, removing(wiped!.id))).toMatchObject({ topLevelError: NONE });
    expect(ask(quorum, adding(wiped!.id, 1))).toMatchObject({ topLevelError: NONE });
    quorum.settle();
    expect(wiped!.running.raft.state).toBe("follower");
  });

  test("adds itself where controller.quorum.auto.join.enable is set, also in place of its past", () => {
    const quorum = new TestQuorum({ ...DYNAMIC, others: [4], quorum: { autoJoin: true } });
    const isVoter = (id: number) => quorum.member(id).running.raft.state === "follower";
    quorum.clock.advanceUntil(() => isVoter(4));
    quorum.wipe(4);
    quorum.clock.advanceUntil(() => quorum.member(4).running.raft.state === "observer");
    quorum.clock.advanceUntil(() => isVoter(4));
    const directories = [...quorum.leader().running.raft.voters.values()];
    expect(directories.map(({ directoryId }) => directoryId)).toContain(
      quorum.member(4).directoryId,
    );
  });
});

test("a voter that has moved tells the leader, and is found by all", () => {
  const quorum = new TestQuorum(DYNAMIC);
  quorum.settle();
  const [moved] = quorum.followers();
  quorum.kill(moved!.id);
  moved!.port = 19_093;
  quorum.start(moved!.id);
  const portOf = () => quorum.leader().running.raft.voters.get(moved!.id)?.endpoints[0]?.port;
  quorum.clock.advanceUntil(() => portOf() === 19_093);
  quorum.settle();
  // It is asked for its vote there.
  quorum.kill(quorum.leader().id);
  quorum.run(quorum.leader(), writing(NO_OP));
});

test("static voters become voters of the log, once each has said what it runs", () => {
  const quorum = new TestQuorum({ voters: [1, 2, 3], others: [4] });
  const leader = quorum.leader();
  const { raft } = leader.running;
  quorum.settle();
  expect(ask(quorum, adding(4))).toMatchObject({ topLevelError: ErrorCode.UNSUPPORTED_VERSION });
  quorum.clock.advanceUntil(() => raft.reasonAgainstUpgrade(1) === null);
  quorum.clock.await(raft.upgradeKRaftVersion(1));
  quorum.settle();
  for (const { running } of quorum.members.values()) {
    expect(running.raft.kraftVersion).toBe(1);
    expect(running.raft.voters.get(2)).toEqual(voterOf(2));
  }
  expect(ask(quorum, adding(4))).toMatchObject({ topLevelError: NONE });
  for (const id of [1, 2, 3, 4]) quorum.kill(id);
  for (const id of [1, 2, 3, 4]) quorum.start(id);
  expect(quorum.leader().running.raft.voters.size).toBe(4);
});

describe("requests from outside", () => {
  test("of another cluster are refused, and do no harm", () => {
    const quorum = new TestQuorum(DYNAMIC);
    const leader = quorum.leader();
    const { epoch, endOffset } = leader.running.raft;
    const clusterId = "CC7wURaHn9LdAh44tk7sHQ";
    for (const request of [adding(4), removing(2)]) {
      expect(ask(quorum, { ...request, clusterId })).toMatchObject({
        topLevelError: ErrorCode.INCONSISTENT_CLUSTER_ID,
      });
    }
    expect(ask(quorum, { ...voting(epoch + 5), clusterId })).toMatchObject({
      topLevelError: ErrorCode.INCONSISTENT_CLUSTER_ID,
    });
    expect(leader.running.raft.epoch).toBe(epoch);
    expect(leader.running.raft.endOffset).toBeGreaterThanOrEqual(endOffset);
    expect(leader.running.raft.isLeader).toBe(true);
  });

  test("of a leader that could not be asked do not hide the one that can", () => {
    const quorum = new TestQuorum(DYNAMIC);
    const leader = quorum.leader();
    quorum.settle();
    const [follower] = quorum.followers();
    const { running } = follower!;
    const known = running.activeController();
    expect(known?.id).toBe(leader.id);
    const leaderEndpoints = ["OTHER", "ANOTHER"].map((name) => ({ name, host: "x", port: 1 }));
    const lie = {
      kind: "beginQuorumEpoch",
      clusterId: CLUSTER_ID,
      voterId: follower!.id,
      voterDirectoryId: follower!.directoryId,
      leaderId: leader.id,
      leaderEpoch: running.raft.epoch,
      leaderEndpoints,
    } as const;
    const { response } = quorum.clock.await(running.raft.ask(lie));
    expect(response).toMatchObject({ errorCode: NONE });
    expect(running.activeController()).toEqual(known);
  });

  test("of a node with an old log get no vote", () => {
    const quorum = new TestQuorum(DYNAMIC);
    const leader = quorum.leader();
    quorum.run(leader, writing(NO_OP));
    const { epoch } = leader.running.raft;
    const [follower] = quorum.followers();
    const old = voting(epoch + 1);
    const { response } = quorum.clock.await(follower!.running.raft.ask(old));
    expect(response).toMatchObject({ errorCode: NONE, voteGranted: false });
  });
});

function ask(quorum: TestQuorum, request: RaftRequest): RaftResponse {
  return quorum.clock.await(quorum.leader().running.raft.ask(request)).response;
}

function adding(id: number, generation = 0) {
  const { directoryId, endpoints } = voterOf(id, generation);
  return {
    kind: "addVoter",
    clusterId: CLUSTER_ID,
    timeoutMs: 1000,
    voterId: id,
    voterDirectoryId: directoryId,
    endpoints,
    ackWhenCommitted: true,
  } as const;
}

function removing(id: number) {
  const { directoryId } = voterOf(id);
  const clusterId = CLUSTER_ID;
  return { kind: "removeVoter", clusterId, voterId: id, voterDirectoryId: directoryId } as const;
}

function voting(replicaEpoch: number) {
  return {
    kind: "vote",
    clusterId: CLUSTER_ID as string | null,
    voterId: -1,
    voterDirectoryId: voterOf(1).directoryId,
    replicaId: 9,
    replicaDirectoryId: voterOf(9).directoryId,
    replicaEpoch,
    lastOffset: 0,
    lastOffsetEpoch: 0,
    preVote: false,
  } as const;
}
