import { describe, expect, test } from "bun:test";
import { ConfigResourceType } from "../../../src/metadata/configs-image.ts";
import {
  ConfigOperation,
  incrementallyAlterConfigs,
  replaceConfigs,
} from "../../../src/metadata/controller/alter-configs.ts";
import { createTopics } from "../../../src/metadata/controller/create-topics.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { TestController } from "../controller-harness.ts";

const { TOPIC, BROKER, GROUP } = ConfigResourceType;
const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperation;
type Change = [name: string, operation: number, value: string | null];

describe("incrementallyAlterConfigs", () => {
  test("sets, deletes, appends and subtracts", () => {
    const controller = withTopic();
    alter(
      controller,
      TOPIC,
      "a",
      ["retention.ms", SET, "5"],
      ["cleanup.policy", APPEND, "compact"],
    );
    expect(configsOf(controller, TOPIC, "a")).toEqual({
      "retention.ms": "5",
      "cleanup.policy": "delete,compact",
    });
    alter(
      controller,
      TOPIC,
      "a",
      ["retention.ms", DELETE, null],
      ["cleanup.policy", SUBTRACT, "delete"],
    );
    expect(configsOf(controller, TOPIC, "a")).toEqual({ "cleanup.policy": "compact" });
  });

  test("writes nothing for a topic that stays as it is, but tells a broker again", () => {
    const controller = withTopic();
    alter(controller, TOPIC, "a", ["retention.ms", SET, "5"]);
    alter(controller, BROKER, "1", ["log.cleaner.threads", SET, "2"]);
    const before = controller.nextOffset;
    alter(controller, TOPIC, "a", ["retention.ms", SET, "5"]);
    expect(controller.nextOffset).toBe(before);
    alter(controller, BROKER, "1", ["log.cleaner.threads", SET, "2"]);
    expect(controller.nextOffset).toBe(before + 1);
  });

  test("changes all of a resource or nothing, and one resource without the other", () => {
    const controller = withTopic();
    const changes: Change[] = [
      ["retention.ms", SET, "7"],
      ["unknown.x", SET, "1"],
    ];
    const request = {
      resources: [resource(TOPIC, "a", changes), resource(GROUP, "g", [["x", SET, "1"]])],
      validateOnly: false,
    };
    const { responses } = controller.run(incrementallyAlterConfigs(request));
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.INVALID_CONFIG,
      ErrorCode.NONE,
    ]);
    expect(configsOf(controller, TOPIC, "a")).toEqual({});
    expect(configsOf(controller, GROUP, "g")).toEqual({ x: "1" });
  });

  test("validates without changing", () => {
    const controller = withTopic();
    const resources = [resource(TOPIC, "a", [["retention.ms", SET, "7"]])];
    const request = { resources, validateOnly: true };
    const { responses } = controller.run(incrementallyAlterConfigs(request));
    expect(responses[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(configsOf(controller, TOPIC, "a")).toEqual({});
  });

  const refusals: [number, string, Change, number, string][] = [
    [
      TOPIC,
      "missing",
      ["retention.ms", SET, "1"],
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "The topic 'missing' does not exist.",
    ],
    [BROKER, "x", ["a", SET, "1"], ErrorCode.INVALID_REQUEST, "Invalid broker name x"],
    [BROKER, "7", ["a", SET, "1"], ErrorCode.BROKER_ID_NOT_REGISTERED, "No node with id 7 found."],
    [TOPIC, "a", ["retention.ms", 9, "1"], ErrorCode.INVALID_REQUEST, "Unknown operation type 9"],
    [99, "x", ["a", SET, "1"], ErrorCode.UNSUPPORTED_VERSION, "Unknown resource type 99."],
    [
      TOPIC,
      "a",
      ["retention.ms", APPEND, "1"],
      ErrorCode.INVALID_CONFIG,
      "Can't APPEND to key retention.ms because its type is not LIST.",
    ],
    [
      TOPIC,
      "a",
      ["retention.ms", SET, "x"],
      ErrorCode.INVALID_CONFIG,
      "Invalid value x for configuration retention.ms: Not a number",
    ],
    [
      TOPIC,
      "a",
      ["long", SET, "x".repeat(32_768)],
      ErrorCode.INVALID_CONFIG,
      "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
    ],
    [
      BROKER,
      "1",
      ["min.insync.replicas", SET, "2"],
      ErrorCode.INVALID_CONFIG,
      "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
    ],
    [
      BROKER,
      "",
      ["min.insync.replicas", DELETE, null],
      ErrorCode.INVALID_CONFIG,
      "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
    ],
  ];
  for (const [type, name, change, code, message] of refusals) {
    test(`refuses ${change[0]} of ${type} ${name}: ${message.slice(0, 40)}`, () => {
      const controller = withTopic();
      const before = controller.nextOffset;
      const response = alter(controller, type, name, change);
      expect(response).toEqual({
        errorCode: code,
        errorMessage: message,
        resourceType: type,
        resourceName: name,
      });
      expect(controller.nextOffset).toBe(before);
    });
  }

  test("refuses a resource that is named twice", () => {
    const controller = withTopic();
    const resources = [1, 2].map(() => resource(TOPIC, "a", [["retention.ms", SET, "7"]]));
    const request = { resources, validateOnly: false };
    expect(controller.run(incrementallyAlterConfigs(request)).responses).toEqual([
      {
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: "Duplicate resource.",
        resourceType: TOPIC,
        resourceName: "a",
      },
    ]);
  });

  test("forgets eligible leader replicas that an old min.insync.replicas made", () => {
    const controller = withTopic();
    const resources = [resource(TOPIC, "a", [["min.insync.replicas", SET, "1"]])];
    const records = controller.recordsOf(
      incrementallyAlterConfigs({ resources, validateOnly: false }),
    );
    expect(records.map(({ name, value }) => [name, value])).toEqual([
      [
        "ConfigRecord",
        { resourceType: TOPIC, resourceName: "a", name: "min.insync.replicas", value: "1" },
      ],
      ["ClearElrRecord", { topicName: "a" }],
    ]);
  });

  test("lets a controller alone only take cordoned directories away", () => {
    const controller = withTopic();
    const cordon = (value: string, isForwarded: boolean) => {
      const resources = [resource(BROKER, "1", [["cordoned.log.dirs", SET, value]])];
      const request = { resources, validateOnly: false };
      return controller.run(incrementallyAlterConfigs(request, isForwarded)).responses[0]!;
    };
    expect(cordon("/a", false).errorCode).toBe(ErrorCode.INVALID_CONFIG);
    expect(cordon("/a, /b", true).errorCode).toBe(ErrorCode.NONE);
    expect(cordon("/b", false).errorCode).toBe(ErrorCode.NONE);
  });
});

describe("replaceConfigs", () => {
  test("removes what is not named", () => {
    const controller = withTopic();
    alter(controller, TOPIC, "a", ["retention.ms", SET, "5"], ["x", SET, "1"]);
    const configs = [
      { name: "x", value: "1" },
      { name: "y", value: "2" },
    ];
    const resources = [{ resourceType: TOPIC, resourceName: "a", configs }];
    const command = replaceConfigs({ resources, validateOnly: false });
    expect(controller.recordsOf(command).length).toBe(2);
    expect(controller.run(command).responses[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(configsOf(controller, TOPIC, "a")).toEqual({ x: "1", y: "2" });
  });
});

function withTopic(): TestController {
  const controller = new TestController();
  controller.addBroker(1);
  const options = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const topics = [{ name: "a", ...options }];
  controller.run(createTopics({ topics, timeoutMs: 0, validateOnly: false }));
  return controller;
}

function resource(resourceType: number, resourceName: string, changes: Change[]) {
  const configs = changes.map(([name, configOperation, value]) => ({
    name,
    configOperation,
    value,
  }));
  return { resourceType, resourceName, configs };
}

function alter(controller: TestController, type: number, name: string, ...changes: Change[]) {
  const request = { resources: [resource(type, name, changes)], validateOnly: false };
  return controller.run(incrementallyAlterConfigs(request)).responses[0];
}

function configsOf(controller: TestController, type: number, name: string) {
  return Object.fromEntries(controller.image.configs.of(type, name));
}
