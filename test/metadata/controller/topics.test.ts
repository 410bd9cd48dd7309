import { describe, expect, test } from "bun:test";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { decide } from "../../../src/metadata/controller/command.ts";
import { createPartitions } from "../../../src/metadata/controller/create-partitions.ts";
import {
  type CreateTopicsRequest,
  createTopics,
} from "../../../src/metadata/controller/create-topics.ts";
import { deleteTopics } from "../../../src/metadata/controller/delete-topics.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { TestController } from "../controller-harness.ts";

type Topic = CreateTopicsRequest["topics"][number];

describe("createTopics", () => {
  test("places partitions and answers what became of them", () => {
    const controller = withBroker();
    const configs = [{ name: "retention.ms", value: "1000" }];
    const [result] = create(controller, topic("a", { numPartitions: 3, configs }));
    expect(result).toEqual({
      name: "a",
      topicId: controller.image.topics.byName("a")!.id,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      topicConfigErrorCode: ErrorCode.NONE,
      numPartitions: 3,
      replicationFactor: 1,
      configs: [
        {
          name: "retention.ms",
          value: "1000",
          readOnly: false,
          configSource: 1,
          isSensitive: false,
        },
      ],
    });
    const { partitions } = controller.image.topics.byName("a")!;
    expect(
      partitions.map(({ leader, isr, leaderEpoch }) => ({ leader, isr, leaderEpoch })),
    ).toEqual(Array(3).fill({ leader: 1, isr: [1], leaderEpoch: 0 }));
    expect(partitions[0]!.directories).toEqual(controller.image.cluster.broker(1)!.directories);
  });

  test("takes defaults for -1", () => {
    const controller = withBroker();
    controller.rules = { ...controller.rules, numPartitions: 5 };
    const [result] = create(controller, topic("a", { numPartitions: -1, replicationFactor: -1 }));
    expect(result?.numPartitions).toBe(5);
    expect(result?.replicationFactor).toBe(1);
  });

  test("writes the topic, its settings and its partitions, in this order, as one", () => {
    const controller = withBroker();
    const configs = [
      { name: "min.insync.replicas", value: "1" },
      { name: "retention.ms", value: "1" },
    ];
    const request = requestOf(topic("a", { numPartitions: 2, configs }));
    const { records, isAtomic } = decide(createTopics(request), controller.state);
    expect(isAtomic).toBe(true);
    expect(records.map((record) => record.name)).toEqual([
      "TopicRecord",
      "ConfigRecord",
      "ConfigRecord",
      "ClearElrRecord",
      "PartitionRecord",
      "PartitionRecord",
    ]);
  });

  test("validates without creating", () => {
    const controller = withBroker();
    const request = { ...requestOf(topic("a")), validateOnly: true };
    expect(controller.run(createTopics(request)).topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(controller.image.topics.size).toBe(0);
  });

  test("hides the settings of topics that are not to be described", () => {
    const controller = withBroker();
    const [result] = controller.run(createTopics(requestOf(topic("a")), null, () => false)).topics;
    expect(result?.errorCode).toBe(ErrorCode.NONE);
    expect(result?.topicConfigErrorCode).toBe(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
    expect(result?.numPartitions).toBe(-1);
  });

  const refusals: [string, Partial<Topic>, string, string][] = [
    ["", {}, "INVALID_TOPIC_EXCEPTION", "Topic name is invalid: the empty string is not allowed"],
    [".", {}, "INVALID_TOPIC_EXCEPTION", "Topic name is invalid: '.' is not allowed"],
    ["..", {}, "INVALID_TOPIC_EXCEPTION", "Topic name is invalid: '..' is not allowed"],
    [
      "x".repeat(250),
      {},
      "INVALID_TOPIC_EXCEPTION",
      `Topic name is invalid: the length of '${"x".repeat(250)}' is longer than the max allowed length 249`,
    ],
    [
      "a b",
      {},
      "INVALID_TOPIC_EXCEPTION",
      "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [
      "ex_ists",
      {},
      "INVALID_TOPIC_EXCEPTION",
      "Topic 'ex_ists' collides with existing topic: ex.ists",
    ],
    ["ex.ists", {}, "TOPIC_ALREADY_EXISTS", "Topic 'ex.ists' already exists."],
    [
      "__cluster_metadata",
      {},
      "INVALID_REQUEST",
      "Creation of internal topic __cluster_metadata is prohibited.",
    ],
    [
      "a",
      { numPartitions: 0 },
      "INVALID_PARTITIONS",
      "Number of partitions was set to an invalid non-positive value.",
    ],
    [
      "a",
      { replicationFactor: 0 },
      "INVALID_REPLICATION_FACTOR",
      "Replication factor must be larger than 0, or -1 to use the default value.",
    ],
    [
      "a",
      { replicationFactor: 2 },
      "INVALID_REPLICATION_FACTOR",
      "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be " +
        "reached because only 1 broker(s) are registered or some brokers have all their log " +
        "directories cordoned.",
    ],
    [
      "a",
      { configs: [{ name: "x", value: null }] },
      "INVALID_CONFIG",
      "Null value not supported for topic configs: x",
    ],
    [
      "a",
      { configs: [{ name: "unknown.x", value: "1" }] },
      "INVALID_CONFIG",
      "Unknown topic config name: unknown.x",
    ],
    [
      "a",
      { numPartitions: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      "INVALID_REQUEST",
      "A manual partition assignment was specified, but replication factor was not set to -1.",
    ],
    [
      "a",
      { replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      "INVALID_REQUEST",
      "A manual partition assignment was specified, but numPartitions was not set to -1.",
    ],
    [
      "a",
      assigned([0, [1]], [0, [1]]),
      "INVALID_REPLICA_ASSIGNMENT",
      "Found multiple manual partition assignments for partition 0",
    ],
    [
      "a",
      assigned([0, [1]], [2, [1]]),
      "INVALID_REPLICA_ASSIGNMENT",
      "partitions should be a consecutive 0-based integer sequence",
    ],
    [
      "a",
      assigned([0, [9]]),
      "INVALID_REPLICA_ASSIGNMENT",
      "The manual partition assignment includes broker 9, but no such broker is registered.",
    ],
    [
      "a",
      assigned([0, [1, 1]]),
      "INVALID_REPLICA_ASSIGNMENT",
      "The manual partition assignment includes the broker 1 more than once.",
    ],
    [
      "a",
      assigned([0, []]),
      "INVALID_REPLICA_ASSIGNMENT",
      "The manual partition assignment includes an empty replica list.",
    ],
  ];
  for (const [name, options, code, message] of refusals) {
    test(`refuses ${JSON.stringify(options)} ${name.slice(0, 20)} with ${code}`, () => {
      const controller = withBroker();
      create(controller, topic("ex.ists"));
      const before = controller.nextOffset;
      const [result] = create(controller, topic(name, options));
      expect(String(errorName(result!.errorCode as ErrorCode))).toBe(code);
      expect(result?.errorMessage).toBe(message);
      expect(result?.topicId).toBe(ZERO_UUID);
      expect(controller.nextOffset).toBe(before);
    });
  }

  test("creates the right ones beside the wrong ones", () => {
    const controller = withBroker();
    const results = create(controller, topic("a"), topic(""), topic("b"), topic("b"));
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", ErrorCode.NONE],
      ["", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["b", ErrorCode.INVALID_REQUEST],
    ]);
    expect(results[2]?.errorMessage).toBe("Duplicate topic name.");
    expect(controller.image.topics.size).toBe(1);
  });

  test("takes people's choice of replicas, the first in sync leading", () => {
    const controller = withBroker();
    controller.addBroker(2);
    create(controller, topic("a", assigned([0, [2, 1]], [1, [1, 2]])));
    const { partitions } = controller.image.topics.byName("a")!;
    expect(partitions.map(({ replicas, leader }) => [replicas, leader])).toEqual([
      [[2, 1], 2],
      [[1, 2], 1],
    ]);
  });

  test("cannot place anything while all brokers are fenced", () => {
    const [result] = create(new TestController(), topic("a"));
    expect(result?.errorMessage).toBe(
      "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have " +
        "all their log directories cordoned.",
    );
  });

  test("refuses more partitions than one request may bring, whoever asks for them", () => {
    const controller = withBroker();
    const message = "Excessively large number of partitions per request.";
    const results = create(controller, topic("a", { numPartitions: 10_001 }), topic("b"));
    for (const result of results) {
      expect(result.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
      expect(result.errorMessage).toBe(message);
    }
    // The records of the topics themselves count as well.
    const [tooMany] = create(controller, topic("a", { numPartitions: 10_000 }));
    expect(tooMany?.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(controller.image.topics.size).toBe(0);
  });
});

describe("createPartitions", () => {
  test("adds partitions behind those there are", () => {
    const controller = withBroker();
    create(controller, topic("a", { numPartitions: 2 }));
    const result = widen(controller, "a", 5);
    expect(result).toEqual({ name: "a", errorCode: ErrorCode.NONE, errorMessage: null });
    expect(controller.image.topics.byName("a")?.partitions.length).toBe(5);
    expect(controller.image.topics.partitionCount).toBe(5);
  });

  test("refuses what is no increase, unknown or asked for twice", () => {
    const controller = withBroker();
    create(controller, topic("a", { numPartitions: 2 }));
    expect(widen(controller, "a", 2)?.errorMessage).toBe("Topic already has 2 partition(s).");
    expect(widen(controller, "a", 1)?.errorMessage).toBe(
      "The topic a currently has 2 partition(s); 1 would not be an increase.",
    );
    expect(widen(controller, "b", 3)).toEqual({
      name: "b",
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      errorMessage: null,
    });
    const assignments = [{ brokerIds: [1] }];
    expect(widen(controller, "a", 5, assignments)?.errorMessage).toBe(
      "Attempted to add 3 additional partition(s), but only 1 assignment(s) were specified.",
    );
    expect(widen(controller, "a", 3, [{ brokerIds: [7] }])?.errorMessage).toBe(
      "The manual partition assignment includes broker 7, but no such broker is registered.",
    );
    const twice = [1, 2].map(() => ({ name: "a", count: 5, assignments: null }));
    const request = { topics: twice, timeoutMs: 0, validateOnly: false };
    expect(controller.run(createPartitions(request)).results).toEqual([
      { name: "a", errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "Duplicate topic name." },
    ]);
    expect(widen(controller, "a", 2_000_000_000)?.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(controller.image.topics.byName("a")?.partitions.length).toBe(2);
  });
});

describe("deleteTopics", () => {
  test("deletes by name and by id, with all settings", () => {
    const controller = withBroker();
    const configs = [{ name: "retention.ms", value: "1" }];
    create(controller, topic("a", { configs }), topic("b"), topic("c"));
    const b = controller.image.topics.byName("b")!.id;
    const results = remove(controller, [named("a"), identified(b)]);
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["b", ErrorCode.NONE],
      ["a", ErrorCode.NONE],
    ]);
    expect([...controller.image.topics.values()].map(({ name }) => name)).toEqual(["c"]);
    expect([...controller.image.configs.resources()].some(({ name }) => name === "a")).toBe(false);
  });

  test("says of each why it was not deleted", () => {
    const controller = withBroker();
    create(controller, topic("a"), topic("b"));
    const a = controller.image.topics.byName("a")!.id;
    const unknownId = "AAAAAAAAAAAAAAAAAAAAZg";
    const results = remove(controller, [
      named("x"),
      identified(unknownId),
      { name: null, topicId: ZERO_UUID },
      { name: "b", topicId: a },
      named("twice"),
      named("twice"),
      named("a"),
      identified(a),
    ]);
    const outcome = (name: string | null, topicId: string) =>
      results.find((result) => result.name === name && result.topicId === topicId);
    expect(outcome("x", ZERO_UUID)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(outcome(null, unknownId)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
    expect(outcome(null, ZERO_UUID)?.errorMessage).toBe(
      "Neither topic name nor id were specified.",
    );
    expect(outcome("b", a)?.errorMessage).toBe("You may not specify both topic name and topic id.");
    expect(outcome("twice", ZERO_UUID)?.errorMessage).toBe("Duplicate topic name.");
    expect(outcome("a", a)?.errorMessage).toBe(
      "The provided topic name maps to an ID that was already supplied.",
    );
    expect(results.length).toBe(6);
    expect(controller.image.topics.size).toBe(2);
  });
});

function withBroker(): TestController {
  const controller = new TestController();
  controller.addBroker(1);
  return controller;
}

function topic(name: string, options: Partial<Topic> = {}): Topic {
  return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...options };
}

function assigned(...partitions: [number, number[]][]): Partial<Topic> {
  return {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: partitions.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
  };
}

function requestOf(...topics: Topic[]): CreateTopicsRequest {
  return { topics, timeoutMs: 1000, validateOnly: false };
}

function create(controller: TestController, ...topics: Topic[]) {
  return controller.run(createTopics(requestOf(...topics))).topics;
}

function widen(
  controller: TestController,
  name: string,
  count: number,
  assignments: { brokerIds: number[] }[] | null = null,
) {
  const request = { topics: [{ name, count, assignments }], timeoutMs: 0, validateOnly: false };
  return controller.run(createPartitions(request)).results[0];
}

function named(name: string) {
  return { name, topicId: ZERO_UUID };
}

function identified(topicId: string) {
  return { name: null, topicId };
}

function remove(controller: TestController, topics: { name: string | null; topicId: string }[]) {
  return controller.run(deleteTopics({ topics, topicNames: [], timeoutMs: 0 })).responses;
}
