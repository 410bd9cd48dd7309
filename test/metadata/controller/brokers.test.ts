import { describe, expect, test } from "bun:test";
import { defaultBootstrapRecords } from "../../../src/metadata/activation.ts";
import { allocateProducerIds } from "../../../src/metadata/controller/allocate-producer-ids.ts";
import { alterPartition } from "../../../src/metadata/controller/alter-partition.ts";
import { assignReplicasToDirs } from "../../../src/metadata/controller/assign-replicas-to-dirs.ts";
import { fenceStaleBroker, heartbeat } from "../../../src/metadata/controller/broker-heartbeat.ts";
import { createTopics } from "../../../src/metadata/controller/create-topics.ts";
import { balanceLeaders, electLeaders } from "../../../src/metadata/controller/elect-leaders.ts";
import { registerBroker } from "../../../src/metadata/controller/register-broker.ts";
import { unregisterBroker } from "../../../src/metadata/controller/unregister-broker.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { ALL_FEATURES, TestController, beat, registration } from "../controller-harness.ts";

/** Every feature but eligible leader replicas. */
const WITHOUT_ELR = new Map([...ALL_FEATURES].filter(([name]) => !name.startsWith("eligible")));

describe("registerBroker", () => {
  test("starts a fenced incarnation whose epoch is the offset of its record", () => {
    const controller = new TestController();
    const request = registration(controller.world, 1, ["HkOn8O4QRNSckfqH1iQoyQ"]);
    const offset = controller.nextOffset;
    const reply = controller.run(registerBroker(request, true));
    expect(reply).toEqual({ errorCode: ErrorCode.NONE, errorMessage: null, brokerEpoch: offset });
    expect(controller.image.cluster.broker(1)).toMatchObject({ epoch: offset, fenced: true });
    expect(controller.delta.changedBrokers).toEqual(new Set([1]));
  });

  test("amends the registration of the same incarnation, keeping its epoch", () => {
    const controller = new TestController();
    const request = registration(controller.world, 1, ["HkOn8O4QRNSckfqH1iQoyQ"]);
    const { brokerEpoch } = controller.run(registerBroker(request, true));
    controller.run(heartbeat(beat(1, brokerEpoch, controller.nextOffset)));
    const again = controller.run(registerBroker({ ...request, rack: "r" }, true));
    expect(again.brokerEpoch).toBe(brokerEpoch);
    expect(controller.image.cluster.broker(1)).toMatchObject({ rack: "r", fenced: false });
  });

  test("refuses another incarnation while the first lives", () => {
    const controller = new TestController();
    controller.addBroker(1);
    const other = registration(controller.world, 1, ["HkOn8O4QRNSckfqH1iQoyQ"]);
    const refused = controller.run(registerBroker(other, true));
    expect(refused.errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
    controller.world.clock.advance(9001);
    expect(controller.run(registerBroker(other, true)).errorCode).toBe(ErrorCode.NONE);
  });

  test("refuses what an earlier process had sent, once this one is registered", () => {
    const controller = new TestController();
    const directories = ["HkOn8O4QRNSckfqH1iQoyQ"];
    const late = registration(controller.world, 1, directories);
    const request = registration(controller.world, 1, directories);
    const { brokerEpoch } = controller.run(registerBroker(request, true));
    const refused = controller.run(registerBroker(late, true));
    expect(refused.errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
    const heard = controller.run(heartbeat(beat(1, brokerEpoch, brokerEpoch)));
    expect(heard).toMatchObject({ errorCode: ErrorCode.NONE, isFenced: false });
  });

  test("refuses the wrong cluster, directories and features", () => {
    const controller = new TestController();
    controller.addBroker(2, { directories: ["CC7wURaHn9LdAh44tk7sHQ"] });
    const good = registration(controller.world, 3, ["HkOn8O4QRNSckfqH1iQoyQ"]);
    const codeOf = (change: Partial<typeof good>) => {
      const { errorCode, errorMessage } = controller.run(
        registerBroker({ ...good, ...change }, true),
      );
      return [errorCode, errorMessage];
    };
    expect(codeOf({ clusterId: "x" })).toEqual([
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      "Expected cluster ID MkU3OEVBNTcwNTJENDM2Qg, but got cluster ID x",
    ]);
    const invalid = ErrorCode.INVALID_REGISTRATION;
    expect(codeOf({ logDirs: [] })).toEqual([invalid, "No directories specified in request"]);
    expect(codeOf({ logDirs: ["AAAAAAAAAAAAAAAAAAAAAg"] })).toEqual([
      invalid,
      "Reserved directory ID in request",
    ]);
    expect(codeOf({ logDirs: ["HkOn8O4QRNSckfqH1iQoyQ", "HkOn8O4QRNSckfqH1iQoyQ"] })[1]).toBe(
      "Duplicate directory ID in request",
    );
    expect(codeOf({ logDirs: ["CC7wURaHn9LdAh44tk7sHQ"] })[1]).toBe(
      "Broker 2 is already registered with directory CC7wURaHn9LdAh44tk7sHQ",
    );
    expect(codeOf({ features: [] })).toEqual([
      invalid,
      "Request features do not contain 'metadata.version'",
    ]);
    const old = good.features.map((feature) =>
      feature.name === "group.version" ? { ...feature, maxSupportedVersion: 0 } : feature,
    );
    expect(codeOf({ features: old })[1]).toBe(
      "Unable to register because the broker does not support finalized version 1 of " +
        "group.version. The broker wants a version between 0 and 0, inclusive.",
    );
    // This node's own broker starts on the directory of a Kafka that could do more.
    const own = { brokerId: 1, features: old };
    expect(codeOf(own)).toEqual([ErrorCode.NONE, null]);
  });
});

describe("heartbeat", () => {
  test("unfences a broker that has read its registration, not before", () => {
    const controller = new TestController();
    const request = registration(controller.world, 1, ["HkOn8O4QRNSckfqH1iQoyQ"]);
    const { brokerEpoch } = controller.run(registerBroker(request, true));
    const early = controller.run(heartbeat(beat(1, brokerEpoch, brokerEpoch - 1)));
    expect(early).toMatchObject({ isCaughtUp: false, isFenced: true });
    const later = controller.run(heartbeat(beat(1, brokerEpoch, brokerEpoch)));
    expect(later).toMatchObject({ isCaughtUp: true, isFenced: false, shouldShutDown: false });
    expect(controller.image.cluster.isActive(1)).toBe(true);
  });

  test("of an unknown or an older incarnation is refused", () => {
    const controller = new TestController();
    expect(controller.run(heartbeat(beat(1, 0, 0))).errorMessage).toBe(
      "No broker registration found for broker id 1",
    );
    const epoch = controller.addBroker(1);
    const stale = controller.run(heartbeat(beat(1, epoch - 1, 99)));
    expect(stale.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
  });

  test("lets a broker stop once it leads nothing; the next start leads again", () => {
    for (const features of [ALL_FEATURES, WITHOUT_ELR]) {
      const controller = new TestController(defaultBootstrapRecords(features));
      const epoch = controller.addBroker(1);
      controller.createTopic("a", [[1], [1]]);
      const stop = { ...beat(1, epoch, controller.nextOffset), wantShutDown: true };
      expect(controller.run(heartbeat(stop)).shouldShutDown).toBe(false);
      expect(leadersOf(controller, "a")).toEqual([-1, -1]);
      expect(controller.run(heartbeat(stop)).shouldShutDown).toBe(true);
      expect(controller.image.cluster.broker(1)?.fenced).toBe(true);

      const again = { ...registration(controller.world, 1, directoriesOf(controller, 1)) };
      again.previousBrokerEpoch = epoch;
      const { brokerEpoch } = controller.run(registerBroker(again, true));
      controller.run(heartbeat(beat(1, brokerEpoch, controller.nextOffset)));
      expect(leadersOf(controller, "a")).toEqual([1, 1]);
      const partition = controller.image.topics.byName("a")?.partitions[0];
      expect(partition).toMatchObject({ isr: [1], leaderEpoch: 2, leaderRecoveryState: 0 });
    }
  });

  test("after a kill: the last leader leads, marked as recovering where ELR is in force", () => {
    for (const [features, recoveryState] of [
      [ALL_FEATURES, 1],
      [WITHOUT_ELR, 0],
    ] as const) {
      const controller = new TestController(defaultBootstrapRecords(features));
      controller.addBroker(1);
      controller.createTopic("a", [[1]]);
      controller.world.clock.advance(9001);
      const again = registration(controller.world, 1, directoriesOf(controller, 1));
      const { brokerEpoch } = controller.run(registerBroker(again, true));
      expect(leadersOf(controller, "a")).toEqual([-1]);
      controller.run(heartbeat(beat(1, brokerEpoch, controller.nextOffset)));
      const partition = controller.image.topics.byName("a")?.partitions[0];
      expect(partition).toMatchObject({
        isr: [1],
        leader: 1,
        leaderEpoch: 2,
        leaderRecoveryState: recoveryState,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      });
    }
  });

  test("of a failed directory takes its replicas out", () => {
    const controller = new TestController();
    const failing = "HkOn8O4QRNSckfqH1iQoyQ";
    const epoch = controller.addBroker(1, { directories: [failing] });
    controller.addBroker(2);
    controller.createTopic("a", [
      [1, 2],
      [2, 1],
    ]);
    const report = { ...beat(1, epoch, controller.nextOffset), offlineLogDirs: [failing] };
    controller.run(heartbeat(report));
    expect(leadersOf(controller, "a")).toEqual([2, 2]);
    expect(controller.image.topics.byName("a")?.partitions[1]?.isr).toEqual([2]);
  });

  test("cordons directories, which then get nothing new", () => {
    const controller = new TestController();
    const directory = "HkOn8O4QRNSckfqH1iQoyQ";
    const epoch = controller.addBroker(1, { directories: [directory] });
    const report = { ...beat(1, epoch, controller.nextOffset), cordonedLogDirs: [directory] };
    controller.run(heartbeat(report));
    expect(controller.recordsOf(heartbeat(report))).toEqual([]);
    const options = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const topics = [{ name: "a", ...options }];
    const request = { topics, timeoutMs: 0, validateOnly: false };
    const [result] = controller.run(createTopics(request)).topics;
    expect(result?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  });
});

describe("the controller by itself", () => {
  test("fences a broker that was not heard of, and elects others", () => {
    const controller = new TestController();
    controller.addBroker(1);
    const epoch = controller.addBroker(2);
    controller.createTopic("a", [[1, 2]]);
    expect(controller.run(fenceStaleBroker())).toBeNull();
    controller.world.clock.advance(8999);
    controller.run(heartbeat(beat(2, epoch, controller.nextOffset)));
    controller.world.clock.advance(2);
    expect(controller.run(fenceStaleBroker())).toBe(1);
    expect(controller.image.topics.byName("a")?.partitions[0]).toMatchObject({
      leader: 2,
      isr: [2],
      leaderEpoch: 1,
    });
    expect(controller.run(fenceStaleBroker())).toBeNull();
  });

  test("gives leadership back to the first replica", () => {
    const controller = new TestController();
    const epoch = controller.addBroker(1);
    const other = controller.addBroker(2);
    controller.createTopic("a", [[1, 2]]);
    controller.run(heartbeat({ ...beat(1, epoch, controller.nextOffset), wantFence: true }));
    expect(leadersOf(controller, "a")).toEqual([2]);
    controller.run(heartbeat(beat(1, epoch, controller.nextOffset)));
    expect(controller.run(balanceLeaders())).toBe(false);
    expect(leadersOf(controller, "a")).toEqual([2]);
    expect(isrRequest(controller, "a", 2, other, [1, 2])).toBe(ErrorCode.NONE);
    controller.run(balanceLeaders());
    expect(leadersOf(controller, "a")).toEqual([1]);
  });

  test("unregisters a broker, whose replicas are out of sync then", () => {
    const controller = new TestController();
    controller.addBroker(1);
    controller.addBroker(2);
    controller.createTopic("a", [[1, 2]]);
    expect(controller.run(unregisterBroker(1)).errorCode).toBe(ErrorCode.NONE);
    expect(controller.image.cluster.broker(1)).toBeNull();
    expect(leadersOf(controller, "a")).toEqual([2]);
    expect(controller.run(unregisterBroker(1)).errorMessage).toBe(
      "Broker ID 1 is not currently registered",
    );
  });
});

describe("electLeaders", () => {
  test("answers for each partition why there was no election", () => {
    const controller = new TestController();
    controller.addBroker(1);
    controller.createTopic("a", [[1]]);
    const topicPartitions = [
      { topic: "a", partitions: [0, 1] },
      { topic: "b", partitions: [0] },
    ];
    const request = { electionType: 0, topicPartitions, timeoutMs: 0 };
    const { replicaElectionResults } = controller.run(electLeaders(request));
    expect(replicaElectionResults.flatMap(({ partitionResult }) => partitionResult)).toEqual([
      {
        partitionId: 0,
        errorCode: ErrorCode.ELECTION_NOT_NEEDED,
        errorMessage: "Leader election not needed for topic partition.",
      },
      {
        partitionId: 1,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: "No such partition as a-1",
      },
      {
        partitionId: 0,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: "No such topic as b",
      },
    ]);
    const all = controller.run(electLeaders({ ...request, topicPartitions: null }));
    expect(all.replicaElectionResults).toEqual([{ topic: "a", partitionResult: [] }]);
    expect(controller.run(electLeaders({ ...request, electionType: 5 })).errorCode).toBe(
      ErrorCode.INVALID_REQUEST,
    );
  });
});

describe("alterPartition", () => {
  test("is refused to whoever does not lead, or knows too little or too much", () => {
    const controller = new TestController();
    const epoch = controller.addBroker(1);
    const other = controller.addBroker(2);
    controller.createTopic("a", [[1, 2]]);
    const { NONE, INVALID_REQUEST, INVALID_UPDATE_VERSION, NOT_CONTROLLER } = ErrorCode;
    expect(isrRequest(controller, "a", 2, other, [1, 2])).toBe(INVALID_REQUEST);
    expect(isrRequest(controller, "a", 1, epoch, [2])).toBe(INVALID_REQUEST);
    expect(isrRequest(controller, "a", 1, epoch, [1, 3])).toBe(INVALID_REQUEST);
    expect(isrRequest(controller, "a", 1, epoch, [1], { leaderEpoch: 1 })).toBe(NOT_CONTROLLER);
    expect(isrRequest(controller, "a", 1, epoch, [1])).toBe(NONE);
    expect(isrRequest(controller, "a", 1, epoch, [1, 2], { partitionEpoch: 0 })).toBe(
      INVALID_UPDATE_VERSION,
    );
    controller.run(heartbeat({ ...beat(2, other, 99), wantFence: true }));
    expect(isrRequest(controller, "a", 1, epoch, [1, 2])).toBe(ErrorCode.INELIGIBLE_REPLICA);
  });
});

describe("assignReplicasToDirs", () => {
  test("remembers where replicas lie", () => {
    const controller = new TestController();
    const directories = ["HkOn8O4QRNSckfqH1iQoyQ", "CC7wURaHn9LdAh44tk7sHQ"];
    const brokerEpoch = controller.addBroker(1, { directories });
    controller.createTopic("a", [[1]]);
    const { id, partitions } = controller.image.topics.byName("a")!;
    expect(partitions[0]?.directories).toEqual(["AAAAAAAAAAAAAAAAAAAAAQ"]);
    const topics = [{ topicId: id, partitions: [{ partitionIndex: 0 }, { partitionIndex: 7 }] }];
    const request = { brokerId: 1, brokerEpoch, directories: [{ id: directories[1]!, topics }] };
    const answer = controller.run(assignReplicasToDirs(request)).directories[0]?.topics[0];
    expect(answer?.partitions.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    const assigned = controller.image.topics.byName("a")?.partitions[0];
    expect(assigned).toMatchObject({ directories: [directories[1]!], leader: 1, leaderEpoch: 0 });
  });
});

describe("allocateProducerIds", () => {
  test("hands out each block once", () => {
    const controller = new TestController();
    const epoch = controller.addBroker(1);
    const starts = [1, 2, 3].map(() => controller.run(allocateProducerIds(1, epoch)));
    expect(starts.map(({ producerIdStart }) => producerIdStart)).toEqual([0, 1000, 2000]);
    expect(controller.image.nextProducerId).toBe(3000);
    expect(controller.run(allocateProducerIds(1, epoch - 1)).errorCode).toBe(
      ErrorCode.STALE_BROKER_EPOCH,
    );
  });
});

function leadersOf(controller: TestController, name: string): number[] {
  return controller.image.topics.byName(name)!.partitions.map(({ leader }) => leader);
}

function directoriesOf(controller: TestController, brokerId: number): string[] {
  return [...controller.image.cluster.broker(brokerId)!.directories];
}

/** The outcome of what the leader of partition 0 says. */
function isrRequest(
  controller: TestController,
  name: string,
  brokerId: number,
  brokerEpoch: number,
  isr: number[],
  epochs: { leaderEpoch?: number; partitionEpoch?: number } = {},
): number {
  const { id, partitions } = controller.image.topics.byName(name)!;
  const { leaderEpoch, partitionEpoch } = { ...partitions[0]!, ...epochs };
  const data = {
    partitionIndex: 0,
    leaderEpoch,
    partitionEpoch,
    leaderRecoveryState: 0,
    newIsr: [],
    newIsrWithEpochs: isr.map((member) => ({ brokerId: member, brokerEpoch: -1 })),
  };
  const topics = [{ topicId: id, partitions: [data] }];
  const answer = controller.run(alterPartition({ brokerId, brokerEpoch, topics }, 3));
  return answer.topics[0]!.partitions[0]!.errorCode;
}
