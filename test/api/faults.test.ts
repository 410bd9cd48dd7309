/** What no recorded answer of Kafka shows: limits, a broken disk, a node that stops. */
import { describe, expect, test } from "bun:test";
import { afterKill } from "../sim/fake-world.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { decode, encode } from "../../src/protocol/compile.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { beating } from "./scenarios/consumer-groups.ts";
import { awaitCoordinator } from "./scenarios/groups.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { describeConfigs } from "../../src/protocol/messages/32-describe-configs.ts";
import { alterConfigs } from "../../src/protocol/messages/33-alter-configs.ts";
import { describeLogDirs } from "../../src/protocol/messages/35-describe-log-dirs.ts";
import { createPartitions } from "../../src/protocol/messages/37-create-partitions.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { updateFeatures } from "../../src/protocol/messages/57-update-features.ts";
import { brokerHeartbeat } from "../../src/protocol/messages/63-broker-heartbeat.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { append, makeTopic } from "./scenarios/prepare.ts";

const TOPIC = 2;
const BROKER_LOGGER = 8;
const SET = 0;
const timeoutMs = 5000;

describe("limits", () => {
  test("a request that would write more than 10,000 records is refused whole", () => {
    const broker = startBroker();
    const topics = [topic("large", 10_001), topic("small", 1)];
    const created = broker.wait(broker.asker.quietly(createTopics, 7, { topics, timeoutMs }));
    const codes = created.topics.map(({ errorCode }) => errorCode);
    expect(codes).toEqual([ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION]);
    broker.wait(makeTopic(broker.asker, "t"));
    const more = [{ name: "t", count: 20_000, assignments: null }];
    const request = { topics: more, timeoutMs, validateOnly: false };
    const { results } = broker.wait(broker.asker.quietly(createPartitions, 3, request));
    expect(results[0]!.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(broker.node.image.topics.byName("t")!.partitions).toHaveLength(1);
    expect(broker.node.image.topics.size).toBe(1);
  });

  test("a request whose records do not fit into one batch is refused whole", () => {
    const broker = startBroker();
    // Each within what one value may have; together more than a batch of the metadata log.
    const resources = Array.from({ length: 400 }, (_, index) => ({
      resourceType: 32,
      resourceName: `group-${index}-${"x".repeat(30_000)}`,
      configs: [{ name: "consumer.session.timeout.ms", configOperation: SET, value: "50000" }],
    }));
    const request = { resources, validateOnly: false };
    const altered = broker.wait(broker.asker.quietly(incrementalAlterConfigs, 1, request));
    const codes = new Set(altered.responses.map(({ errorCode }) => errorCode));
    expect([...codes]).toEqual([ErrorCode.RECORD_LIST_TOO_LARGE]);
    expect([...broker.node.image.configs.names(32)]).toEqual([]);
  });
});

describe("text that grows in the broker's hands", () => {
  // Each byte that is no UTF-8 becomes a character of three bytes.
  const grown = (from: Buffer): Buffer =>
    from.map((byte) => (byte === 0x78 ? 0xff : byte)) as Buffer;
  const long = "x".repeat(20_000);

  test("costs a client its connection, and nobody else anything", () => {
    const broker = startBroker();
    const topics = { topics: [{ name: long }], allowAutoTopicCreation: false };
    const asked = encode(metadata.request, 8, topics);
    broker.wait(broker.asker.askRaw(3, 8, 1, grown(asked)));
    expect(broker.asker.steps.at(-1)!.response).toBe("no answer");
    expect(broker.fatals).toEqual([]);
    const { brokers } = broker.wait(broker.asker.quietly(metadata, 8, { topics: [] }));
    expect(brokers).toHaveLength(1);
  });

  test("is no name of a group or of a member", () => {
    const broker = startBroker();
    broker.wait(makeTopic(broker.asker, "t"));
    broker.wait(awaitCoordinator(broker.asker));
    const join = { ...beating("g", "m"), subscribedTopicNames: ["t"] };
    for (const request of [
      { ...join, groupId: long },
      { ...join, memberId: long },
    ]) {
      const asked = encode(consumerGroupHeartbeat.request, 1, request);
      broker.wait(broker.asker.askRaw(68, 1, 2, grown(asked)));
      const answer = Buffer.from(String(broker.asker.steps.at(-1)!.response), "hex");
      const { errorCode } = decode(consumerGroupHeartbeat.response, 1, answer.subarray(1));
      expect(errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    }
    expect(broker.wait(broker.asker.quietly(consumerGroupHeartbeat, 1, join)).errorCode).toBe(0);
  });
});

describe("requests that Kafka answers wrongly or not at all", () => {
  test("AlterConfigs refuses a resource that is named twice", () => {
    const broker = startBroker();
    const resource = { resourceType: TOPIC, resourceName: "t", configs: [] };
    const request = { resources: [resource, resource], validateOnly: false };
    const { responses } = broker.wait(broker.asker.quietly(alterConfigs, 2, request));
    const wanted = {
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Each resource must appear at most once.",
      resourceType: TOPIC,
      resourceName: "t",
    };
    expect(responses).toEqual([wanted, wanted]);
  });

  test("IncrementalAlterConfigs refuses an operation that it does not know", () => {
    const broker = startBroker();
    broker.wait(makeTopic(broker.asker, "t"));
    for (const [resourceType, resourceName] of [
      [TOPIC, "t"],
      [BROKER_LOGGER, "1"],
    ] as const) {
      const configs = [{ name: "retention.ms", configOperation: 9, value: "1" }];
      const request = { resources: [{ resourceType, resourceName, configs }], validateOnly: false };
      const asked = broker.asker.quietly(incrementalAlterConfigs, 1, request);
      const [response] = broker.wait(asked).responses;
      expect(response!.errorCode).toBe(ErrorCode.INVALID_REQUEST);
      expect(response!.errorMessage).toContain("Unknown operation type 9");
    }
    expect(broker.node.image.configs.get(TOPIC, "t", "retention.ms")).toBeNull();
  });
});

describe("producer ids", () => {
  test("are different for all, over many blocks and lives of the broker", () => {
    const given = new Set<number>();
    let broker = startBroker();
    for (let life = 0; life < 3; life++) {
      for (let count = 0; count < 1500; count++) given.add(nextProducerId(broker));
      broker = startBroker({}, afterKill(broker.world));
    }
    expect(given.size).toBe(4500);
  });
});

function nextProducerId(broker: TestBroker): number {
  const request = { transactionalId: null, transactionTimeoutMs: 1000 };
  const response = broker.wait(broker.asker.quietly(initProducerId, 5, request));
  expect(response.errorCode).toBe(ErrorCode.NONE);
  return response.producerId;
}

describe("log directories", () => {
  test("are described each with its logs and its space; one that failed as such", () => {
    const broker = startBroker({ "log.dirs": "/data,/more" });
    for (const name of ["a", "b", "c", "d"]) broker.wait(makeTopic(broker.asker, name));
    const before = describeDirectories(broker);
    expect(before.map(({ logDir }) => logDir)).toEqual(["/data", "/more"]);
    const names = before.flatMap(({ topics }) => topics.map(({ name }) => name));
    expect(names.toSorted()).toEqual(["a", "b", "c", "d"]);
    const away = before[1]!.topics[0]!.name;
    broker.world.disk.inject({ operation: "write", path: /^\/more/, code: "EIO" });
    expect(() => broker.wait(append(broker.asker, away, 0, { timestamps: [1] }))).toThrow(
      `${away}-0: ${ErrorCode.KAFKA_STORAGE_ERROR}`,
    );
    const [data, more] = describeDirectories(broker);
    expect(data).toEqual(before[0]!);
    expect(more).toEqual({
      errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
      logDir: "/more",
      topics: [],
      totalBytes: -1,
      usableBytes: -1,
      isCordoned: false,
    });
  });
});

function describeDirectories(broker: TestBroker) {
  return broker.wait(broker.asker.quietly(describeLogDirs, 5, { topics: null })).results;
}

describe("a node that stops", () => {
  test("sends clients to look for another controller", () => {
    const broker = startBroker();
    broker.wait(makeTopic(broker.asker, "t"));
    broker.wait(broker.node.metadata.stop());
    const { asker } = broker;
    const { NOT_CONTROLLER } = ErrorCode;
    const created = broker.wait(
      asker.quietly(createTopics, 7, { topics: [topic("new", 1)], timeoutMs }),
    );
    expect(created.topics).toMatchObject([{ name: "new", errorCode: NOT_CONTROLLER }]);
    const deleted = broker.wait(asker.quietly(deleteTopics, 5, { topicNames: ["t"], timeoutMs }));
    expect(deleted.responses).toMatchObject([{ name: "t", errorCode: NOT_CONTROLLER }]);
    const more = [{ name: "t", count: 4, assignments: null }];
    const grown = broker.wait(
      asker.quietly(createPartitions, 3, { topics: more, timeoutMs, validateOnly: false }),
    );
    expect(grown.results).toMatchObject([{ name: "t", errorCode: NOT_CONTROLLER }]);
    const configs = [{ name: "retention.ms", value: "1000" }];
    const resources = [{ resourceType: TOPIC, resourceName: "t", configs }];
    const altered = broker.wait(asker.quietly(alterConfigs, 2, { resources, validateOnly: false }));
    expect(altered.responses).toMatchObject([{ resourceName: "t", errorCode: NOT_CONTROLLER }]);
    const features = broker.wait(asker.quietly(updateFeatures, 2, { featureUpdates: [] }));
    expect(features.errorCode).toBe(NOT_CONTROLLER);
    const id = { transactionalId: null, transactionTimeoutMs: 1000 };
    const producer = broker.wait(asker.quietly(initProducerId, 5, id));
    expect(producer.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    const sought = broker.wait(asker.quietly(findCoordinator, 6, { coordinatorKeys: ["g"] }));
    expect(sought.coordinators[0]!.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});

describe("listeners", () => {
  test("do not answer what belongs to the other kind", () => {
    const broker = startBroker();
    const beat = {
      brokerId: 1,
      brokerEpoch: 0,
      currentMetadataOffset: 0,
      wantFence: false,
      wantShutDown: false,
    };
    expect(broker.wait(broker.asker.ask(brokerHeartbeat, 2, beat))).toBeNull();
    const asked = broker.asker.askOn("controller", findCoordinator, 6, { coordinatorKeys: ["g"] });
    expect(broker.wait(asked)).toBeNull();
  });
});

describe("levels of loggers", () => {
  test("change what is written, at once", () => {
    const broker = startBroker();
    const names = () => {
      const asked = broker.asker.quietly(describeConfigs, 4, {
        resources: [{ resourceType: BROKER_LOGGER, resourceName: "1", configurationKeys: null }],
      });
      return broker.wait(asked).results[0]!.configs.map(({ name }) => name);
    };
    expect(names()).toContain("root");
    expect(names()).toContain("topics");
    const configs = [{ name: "topics", configOperation: SET, value: "ERROR" }];
    const resources = [{ resourceType: BROKER_LOGGER, resourceName: "1", configs }];
    const request = { resources, validateOnly: false };
    broker.wait(broker.asker.quietly(incrementalAlterConfigs, 1, request));
    const before = broker.lines.length;
    broker.wait(broker.node.topicCreation.create(["quiet"], { remoteAddress: "10.0.0.1" }));
    broker.world.clock.settle();
    expect(broker.node.image.topics.byName("quiet")).not.toBeNull();
    expect(broker.lines.slice(before).filter((line) => line.includes("quiet"))).toEqual([]);
  });
});

function topic(name: string, numPartitions: number) {
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
}

describe("a directory of the metadata beside the logs", () => {
  const apart = { "log.dirs": "/logs", "metadata.log.dir": "/metadata" };

  test("is had by one node at a time, and given back at its stop", () => {
    const broker = startBroker(apart);
    const { world } = broker;
    const other = { ...apart, "log.dirs": "/other" };
    expect(() => startBroker(other, world)).toThrow("Failed to acquire lock on file .lock");
    broker.stop();
    for (const directory of ["/logs", "/metadata"]) {
      expect(world.disk.status(`${directory}/.lock`), directory).toBeNull();
    }
    startBroker(apart, world).stop();
  });
});
