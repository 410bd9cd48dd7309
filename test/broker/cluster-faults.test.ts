import { describe, expect, test } from "bun:test";
import { NodeError } from "../../src/client/node-error.ts";
import { bootstrapRecords } from "../../src/metadata/activation.ts";
import { SUPPORTED_FEATURES } from "../../src/broker/supported-features.ts";
import { controllerRegistration } from "../../src/protocol/messages/70-controller-registration.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { alterClientQuotas } from "../../src/protocol/messages/49-alter-client-quotas.ts";
import { updateFeatures } from "../../src/protocol/messages/57-update-features.ts";
import { unregisterBroker } from "../../src/protocol/messages/64-unregister-broker.ts";
import { addressOf, type NodePlan, RoleCluster } from "./role-cluster.ts";

const THREE: readonly NodePlan[] = [1, 2, 3].map((id) => ({ id, roles: "broker,controller" }));
const ONE_AND_THREE: readonly NodePlan[] = [
  { id: 11, roles: "controller" },
  { id: 1, roles: "broker" },
  { id: 2, roles: "broker" },
  { id: 3, roles: "broker" },
];
const SESSION_MS = 9000;
const SILENT = [SESSION_MS - 2000, SESSION_MS * 1.125 + 1] as const;
/** The controller cannot reach the address that clients are told. */
const HIDDEN = ONE_AND_THREE.map((plan) =>
  plan.id === 3
    ? { ...plan, settings: { "advertised.listeners": "PLAINTEXT://10.9.9.9:9092" } }
    : plan,
);
const IMPATIENT = { "initial.broker.registration.timeout.ms": "5000" };

describe("a broker that is gone", () => {
  test.each([
    ["its process has ended, at once", "kill", ONE_AND_THREE, [0, 100]],
    ["its machine is silent, at the end of its session", "powerLoss", ONE_AND_THREE, SILENT],
    ["nobody can see that from the controller, at the end of its session", "kill", HIDDEN, SILENT],
  ] as const)("is fenced when %s, and back in a new life", (_name, end, plans, [from, to]) => {
    const cluster = new RoleCluster(plans);
    cluster.start();
    cluster.ask(1, createTopics, creation("t", 6, 3));
    const before = cluster.running(3).broker.brokerEpoch;
    const { clock } = cluster.client;
    clock.advance(2000);
    const beganMs = clock.monotonicMs();
    if (end === "kill") cluster.node(3).kill();
    else cluster.node(3).powerLoss("all");
    cluster.until(() => cluster.image(11).cluster.broker(3)?.fenced === true);
    expect(clock.monotonicMs() - beganMs).toBeWithin(from, to);
    const leaders = cluster
      .image(11)
      .topics.byName("t")!
      .partitions.map(({ leader }) => leader);
    expect(leaders).not.toContain(3);
    cluster.start(3);
    expect(cluster.running(3).broker.brokerEpoch).toBeGreaterThan(before);
    expect(cluster.image(11).cluster.broker(3)?.fenced).toBe(false);
  });

  test("may come back at once after a clean stop, and waits after a crash", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    const { clock } = cluster.client;
    // Nobody is there to let it go.
    cluster.node(11).kill();
    cluster.stop(1);
    cluster.node(2).kill();
    cluster.start(11);
    const beganMs = clock.monotonicMs();
    cluster.start(1);
    expect(clock.monotonicMs() - beganMs).toBeLessThan(1000);
    cluster.start(2);
    expect(clock.monotonicMs() - beganMs).toBeGreaterThan(SESSION_MS - 1000);
    expect(cluster.node(2).lines.join("\n")).toContain("DUPLICATE_BROKER_REGISTRATION");
  });

  test("is fenced when it freezes, and unfenced when it thaws", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    const { brokerEpoch } = cluster.running(2).broker;
    cluster.node(2).freeze();
    cluster.until(() => cluster.image(11).cluster.broker(2)?.fenced === true);
    cluster.node(2).thaw();
    cluster.until(() => cluster.image(11).cluster.broker(2)?.fenced === false);
    expect(cluster.running(2).broker.brokerEpoch).toBe(brokerEpoch);
  });

  test("is not, where its way to the controller is slow: it waits for its answers", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    const { clock, wire } = cluster.client;
    const epoch = cluster.image(11).cluster.broker(3)?.epoch;
    wire.slow(addressOf(3), addressOf(11), 1100);
    wire.slow(addressOf(11), addressOf(3), 1100);
    for (let seconds = 0; seconds < 60; seconds++) {
      clock.advance(1000);
      expect(cluster.image(11).cluster.broker(3)).toMatchObject({ fenced: false, epoch });
    }
    wire.healAll();
  });

  test("is forgotten when it is unregistered", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    cluster.node(3).kill();
    expect(cluster.ask(1, unregisterBroker, { brokerId: 3 }).errorCode).toBe(ErrorCode.NONE);
    const again = cluster.ask(2, unregisterBroker, { brokerId: 3 });
    expect(again).toMatchObject({
      errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED,
      errorMessage: "Broker ID 3 is not currently registered",
    });
    expect(cluster.image(2).cluster.broker(3)).toBeNull();
    cluster.start(3);
    expect(cluster.image(11).cluster.broker(3)?.fenced).toBe(false);
  });
});

describe("a controller that is gone", () => {
  test("is followed by another, to which all brokers turn", () => {
    const cluster = new RoleCluster(THREE);
    cluster.start();
    const first = cluster.activeId!;
    const [one, other] = [1, 2, 3].filter((id) => id !== first);
    const { clock } = cluster.client;
    cluster.node(first).kill();
    const beganMs = clock.monotonicMs();
    const { topics } = cluster.ask(one!, createTopics, creation("meanwhile", 3, 2));
    expect(topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(clock.monotonicMs() - beganMs).toBeLessThan(8000);
    expect([one, other]).toContain(cluster.activeId!);
    cluster.until(() => cluster.image(one!).cluster.broker(first)?.fenced === true);
    clock.advance(3 * SESSION_MS);
    for (const id of [one!, other!]) {
      expect(cluster.image(id).cluster.broker(one!)?.fenced).toBe(false);
      expect(cluster.image(id).cluster.broker(other!)?.fenced).toBe(false);
    }
    cluster.start(first);
    expect(cluster.image(one!).cluster.broker(first)?.fenced).toBe(false);
  });

  test("without a word does not cost others their sessions", () => {
    const cluster = new RoleCluster(THREE);
    cluster.start();
    cluster.client.clock.advance(3000);
    const first = cluster.activeId!;
    const others = [1, 2, 3].filter((id) => id !== first);
    cluster.node(first).powerLoss("all");
    let fencedCount = 0;
    for (let step = 0; step < 200; step++) {
      cluster.client.clock.advance(100);
      const { brokers } = cluster.image(others[0]!).cluster;
      fencedCount += others.filter((id) => brokers.get(id)?.fenced === true).length;
    }
    expect(fencedCount).toBe(0);
    expect(cluster.image(others[0]!).cluster.broker(first)?.fenced).toBe(true);
  });

  test("and led partitions, too, is followed in both", () => {
    const cluster = new RoleCluster(THREE);
    cluster.start();
    cluster.ask(1, createTopics, creation("t", 6, 3));
    const { clock } = cluster.client;
    clock.advance(3000);
    const first = cluster.activeId!;
    const other = [1, 2, 3].find((id) => id !== first)!;
    cluster.node(first).kill();
    const beganMs = clock.monotonicMs();
    const partitions = () => cluster.image(other).topics.byName("t")!.partitions;
    cluster.until(() => partitions().every(({ leader }) => leader !== first && leader !== -1));
    expect(clock.monotonicMs() - beganMs).toBeLessThan(1000);
  });

  test("leaves requests unanswered no longer than Kafka's brokers try", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    cluster.node(11).kill();
    const { clock } = cluster.client;
    const asked = cluster.asking(1, createTopics, creation("nobody", 1, 1));
    clock.advance(59_000);
    const beganMs = clock.monotonicMs();
    const answer = clock.await(asked);
    expect(clock.monotonicMs() - beganMs).toBeLessThan(2000);
    if (answer instanceof NodeError) throw answer;
    expect(answer.topics[0]?.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
  });

  test("and all with it: who stops does not wait for ever", () => {
    const cluster = new RoleCluster(THREE);
    cluster.start();
    const { clock } = cluster.client;
    const beganMs = clock.monotonicMs();
    for (const { id } of THREE) cluster.node(id).stop();
    cluster.until(() => THREE.every(({ id }) => cluster.node(id).life === null));
    expect(clock.monotonicMs() - beganMs).toBeLessThan(10_000);
    cluster.start();
    expect(cluster.activeId).not.toBeNull();
  });
});

describe("a node that does not belong", () => {
  test("by its cluster id, is refused in one line", () => {
    const clusterIdOf = (id: number) =>
      id === 3 ? "YW5vdGhlci1jbHVzdGVyLQ" : "c2ltdWxhdGVkLWNsdXN0ZQ";
    const cluster = new RoleCluster(ONE_AND_THREE, { clusterIdOf });
    cluster.start(11, 1);
    const stranger = cluster.node(3);
    stranger.start();
    cluster.until(() => stranger.life?.hasFailed === true, 120_000);
    expect(stranger.lines.join("\n")).toContain("belongs to another cluster");
    expect(String(stranger.life?.failure)).not.toContain("\n");
    expect(cluster.image(11).cluster.broker(3)).toBeNull();
  });

  test("as it has the id of a broker that lives, is refused in one line", () => {
    const cluster = new RoleCluster([
      ...ONE_AND_THREE,
      { id: 4, roles: "broker", nodeId: 2, settings: IMPATIENT },
    ]);
    cluster.start(11, 1, 2);
    const impostor = cluster.node(4);
    impostor.start();
    cluster.until(() => impostor.life?.hasFailed === true);
    expect(String(impostor.life?.failure)).toContain("DUPLICATE_BROKER_REGISTRATION");
    expect(cluster.image(11).cluster.broker(2)?.fenced).toBe(false);
  });
});

describe("a controller whose id another one has, too", () => {
  test("says so once, and takes its place again now and then", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    const taken = () => cluster.image(11).cluster.controllers.get(11)?.incarnationId === RIVAL;
    const takeIt = () => {
      cluster.ask(11, controllerRegistration, rivalOf(11), "controller");
      cluster.until(taken);
    };
    const { clock } = cluster.client;
    const beganMs = clock.monotonicMs();
    for (let times = 0; times < 5; times++) {
      takeIt();
      cluster.until(() => !taken());
    }
    // 1, 2, 4, 8 and 16 seconds: two of Kafka would have filled the log.
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(31_000);
    const lines = cluster.node(11).lines.filter((line) => line.includes("with the id of this one"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("another controller at 10.9.9.9:9093 has registered");
  });
});

describe("what brokers ask for", () => {
  test("producer ids are never the same, whichever broker gives them", () => {
    const cluster = new RoleCluster(ONE_AND_THREE);
    cluster.start();
    const ids = [1, 2, 3, 1, 2, 3].map((id) => {
      const request = { transactionalId: null, transactionTimeoutMs: 1000 };
      return cluster.ask(id, initProducerId, request).producerId;
    });
    expect(new Set(ids).size).toBe(6);
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(0);
  });

  test("topics that clients ask for come into being, with as many replicas as are wanted", () => {
    const wanted = { "default.replication.factor": "3", "num.partitions": "2" };
    const plans = ONE_AND_THREE.map((plan) => ({ ...plan, settings: wanted }));
    const cluster = new RoleCluster(plans);
    cluster.start();
    const request = { topics: [{ name: "auto" }], allowAutoTopicCreation: true };
    const ask = () => cluster.ask(2, metadata, request).topics[0]!;
    expect(ask().errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    cluster.until(() => cluster.image(2).topics.byName("auto") !== null);
    expect(ask().partitions.map(({ replicaNodes }) => replicaNodes.length)).toEqual([3, 3]);
  });

  test("topics that a client may not have so fast do not come into being", () => {
    const plans = ONE_AND_THREE.map((plan) => ({ ...plan, settings: { "num.partitions": "30" } }));
    const cluster = new RoleCluster(plans);
    cluster.start();
    const entity = [{ entityType: "client-id", entityName: "tool" }];
    const ops = [{ key: "controller_mutation_rate", value: 1, remove: false }];
    const entries = [{ entity, ops }];
    expect(cluster.ask(1, alterClientQuotas, { entries, validateOnly: false }).entries).toEqual([
      { entity, errorCode: ErrorCode.NONE, errorMessage: null },
    ]);
    for (const name of ["first", "second"]) {
      const request = { topics: [{ name }], allowAutoTopicCreation: true };
      cluster.ask(2, metadata, request);
      cluster.client.clock.advance(500);
    }
    expect(cluster.image(2).topics.byName("first")).not.toBeNull();
    expect(cluster.image(2).topics.byName("second")).toBeNull();
    expect(cluster.node(2).lines.at(-1)).toContain("THROTTLING_QUOTA_EXCEEDED");
  });

  test("an upgrade gives registrations what the old version had no place for", () => {
    const cluster = new RoleCluster(THREE, { bootstrapRecords: bootstrapRecords(14, new Map()) });
    cluster.start();
    const before = cluster.image(1).cluster;
    expect([...before.brokers.values()].flatMap(({ directories }) => directories)).toEqual([]);
    expect(before.controllers.size).toBe(0);
    const upgrade = { feature: "metadata.version", maxVersionLevel: 30, upgradeType: 1 };
    const request = { timeoutMs: 5000, featureUpdates: [upgrade], validateOnly: false };
    expect(cluster.ask(2, updateFeatures, request).errorCode).toBe(ErrorCode.NONE);
    cluster.until(() => {
      const { brokers, controllers } = cluster.image(3).cluster;
      const have = [...brokers.values()].filter(({ directories }) => directories.length === 1);
      return have.length === 3 && controllers.size === 3;
    });
    const { brokers } = cluster.image(3).cluster;
    expect([...brokers.values()].every(({ fenced }) => !fenced)).toBe(true);
    const down = { feature: "metadata.version", maxVersionLevel: 14, upgradeType: 2 };
    const refused = cluster.ask(1, updateFeatures, { ...request, featureUpdates: [down] });
    expect(refused.errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
  });
});

function creation(name: string, numPartitions: number, replicationFactor: number) {
  const topic = { name, numPartitions, replicationFactor, assignments: [], configs: [] };
  return { topics: [topic], timeoutMs: 10_000, validateOnly: false };
}

const RIVAL = "AAAAAAAAAAAAAAAAAAAAAQ";

function rivalOf(controllerId: number) {
  const endpoint = { name: "CONTROLLER", host: "10.9.9.9", port: 9093, securityProtocol: 0 };
  const features = [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({
    name,
    minSupportedVersion: min,
    maxSupportedVersion: max,
  }));
  return {
    controllerId,
    incarnationId: RIVAL,
    zkMigrationReady: false,
    listeners: [endpoint],
    features,
  };
}
