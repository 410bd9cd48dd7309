import { alterPartitionReassignments } from "../../../src/protocol/messages/45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../../src/protocol/messages/46-list-partition-reassignments.ts";
import { describeQuorum } from "../../../src/protocol/messages/55-describe-quorum.ts";
import { addRaftVoter } from "../../../src/protocol/messages/80-add-raft-voter.ts";
import { removeRaftVoter } from "../../../src/protocol/messages/81-remove-raft-voter.ts";
import { updateRaftVoter } from "../../../src/protocol/messages/82-update-raft-voter.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const LISTENERS = ["broker", "controller"] as const;
const TIMEOUT_MS = 5000;
const SOME_ID = "c29tZSBkaXJlY3RvcnkgIQ";
const NO_ID = "AAAAAAAAAAAAAAAAAAAAAA";

export const reassignmentsScenario: Scenario = {
  name: "reassignments",
  async run(asker) {
    await makeTopic(asker, "t", 2);
    const move = (name: string, partitionIndex: number, replicas: number[] | null) => ({
      name,
      partitions: [{ partitionIndex, replicas }],
    });
    const asked = [
      [],
      [move("t", 0, [1])],
      [move("t", 0, null)],
      [move("t", 0, [])],
      [move("t", 0, [2])],
      [move("t", 0, [1, 1])],
      [move("t", 0, [1, 2])],
      [move("t", 9, [1]), move("t", 1, [1]), move("t", 1, [1])],
      [move("absent", 0, [1])],
      [move("absent", 0, null)],
      [move("t", -1, null)],
      [{ name: "t", partitions: [] }],
    ];
    for (const version of versionsOf(alterPartitionReassignments)) {
      for (const listener of LISTENERS) {
        for (const topics of asked) {
          const request = { timeoutMs: TIMEOUT_MS, topics };
          await asker.askOn(listener, alterPartitionReassignments, version, request);
          if (version === 0) continue;
          const held = { ...request, allowReplicationFactorChange: false };
          await asker.askOn(listener, alterPartitionReassignments, version, held);
        }
      }
    }
    for (const topics of [null, [], [{ name: "t", partitionIndexes: [0, 1, 9] }]]) {
      await asker.ask(listPartitionReassignments, 0, { timeoutMs: TIMEOUT_MS, topics });
    }
  },
};

/** Of a quorum whose only voter is this node. */
export const votersScenario: Scenario = {
  name: "voters",
  async run(asker) {
    const ownId = await ownDirectoryId(asker);
    const hide = (response: { errorMessage: string | null }) => {
      const message = response.errorMessage ?? "";
      response.errorMessage = message
        .replaceAll(ownId, "its own id")
        .replace(/match the cluster id ".*"/, "match its own")
        .replace(/the endpoint \(.*\) for/, "the endpoint for");
    };
    const listeners = [{ name: "CONTROLLER", host: "127.0.0.1", port: 9 }];
    const add = { clusterId: null, timeoutMs: 1000, voterId: 1, voterDirectoryId: SOME_ID };
    for (const version of versionsOf(addRaftVoter)) {
      for (const listener of LISTENERS) {
        for (const request of [
          { ...add, listeners, clusterId: "another" },
          { ...add, listeners },
          { ...add, listeners, voterId: -1 },
          { ...add, listeners, voterDirectoryId: NO_ID },
          { ...add, listeners: [] },
          { ...add, listeners: [{ name: "OTHER", host: "127.0.0.1", port: 9 }] },
        ]) {
          await asker.askOn(listener, addRaftVoter, version, request, "", hide);
        }
      }
    }
    const remove = { clusterId: null, voterId: 1, voterDirectoryId: SOME_ID };
    for (const listener of LISTENERS) {
      for (const request of [
        { ...remove, clusterId: "another" },
        { ...remove, voterId: -1 },
        { ...remove, voterDirectoryId: NO_ID },
        { ...remove, voterId: 2 },
        remove,
        { ...remove, voterDirectoryId: ownId },
      ]) {
        await asker.askOn(listener, removeRaftVoter, 0, request, "", hide);
      }
    }
    await updateVoters(asker, ownId);
  },
};

async function updateVoters(asker: Asker, ownId: string): Promise<void> {
  const { topics } = await asker.quietly(describeQuorum, 2, QUORUM);
  const currentLeaderEpoch = topics[0]!.partitions[0]!.leaderEpoch;
  const update = {
    clusterId: null,
    currentLeaderEpoch,
    voterId: 2,
    voterDirectoryId: SOME_ID,
    listeners: [{ name: "CONTROLLER", host: "127.0.0.1", port: 9 }],
    kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
  };
  for (const request of [
    { ...update, clusterId: "another" },
    { ...update, currentLeaderEpoch: 0 },
    { ...update, currentLeaderEpoch: currentLeaderEpoch + 1 },
    { ...update, voterId: -1 },
    { ...update, voterDirectoryId: NO_ID },
    { ...update, listeners: [] },
    { ...update, kRaftVersionFeature: { minSupportedVersion: 1, maxSupportedVersion: 0 } },
    { ...update, kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 } },
    update,
    { ...update, voterId: 1 },
  ]) {
    const { currentLeaderEpoch: epoch, ...rest } = request;
    const response = await asker.quietlyOn("controller", updateRaftVoter, 0, request);
    const { currentLeader } = response;
    asker.remember("UpdateRaftVoter v0", {
      request: { ...rest, isOfEpoch: Math.sign(epoch - currentLeaderEpoch) },
      ownId: rest.voterDirectoryId === ownId,
      response: {
        ...response,
        currentLeader: { ...currentLeader, leaderEpoch: currentLeader.leaderEpoch > 0 },
      },
    });
  }
}

const QUORUM = {
  topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }],
};

async function ownDirectoryId(asker: Asker): Promise<string> {
  const { topics } = await asker.quietly(describeQuorum, 2, QUORUM);
  return topics[0]!.partitions[0]!.currentVoters[0]!.replicaDirectoryId;
}
