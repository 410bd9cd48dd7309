import { describe, expect, test } from "bun:test";
import { createLogger } from "../../src/base/logger.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import { TopicCreation } from "../../src/broker/topic-creation.ts";
import type {
  CreateTopicsRequest,
  CreateTopicsResponse,
} from "../../src/metadata/controller/create-topics.ts";
import { MetadataStoppedError } from "../../src/metadata/metadata-errors.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const { INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
const REQUIRED = {
  "process.roles": "broker,controller",
  "node.id": "1",
  "controller.listener.names": "CONTROLLER",
};
const ASKER = { remoteAddress: "10.0.0.7" };

function make(given: Record<string, string> = {}) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const requests: CreateTopicsRequest[] = [];
  let answer = Promise.withResolvers<CreateTopicsResponse>();
  const creation = new TopicCreation({
    clock,
    settings: new Settings(new Map(Object.entries({ ...REQUIRED, ...given }))),
    logger: createLogger(clock, "debug", (line) => lines.push(line.slice(25))),
    submit: (request) => {
      requests.push(request);
      answer = Promise.withResolvers();
      return answer.promise;
    },
  });
  const create = (...names: string[]) =>
    Object.fromEntries(clock.await(creation.create(names, ASKER)));
  const finish = (errorCode: ErrorCode = ErrorCode.NONE) => {
    const topics = requests.at(-1)!.topics.map(({ name }) => ({
      name,
      topicId: "",
      errorCode,
      errorMessage: "so",
      topicConfigErrorCode: 0,
      numPartitions: 1,
      replicationFactor: 1,
      configs: [],
    }));
    answer.resolve({ throttleTimeMs: 0, topics });
    clock.settle();
  };
  const fail = (error: Error) => {
    answer.reject(error);
    clock.settle();
  };
  const createInternal = (...topics: string[]) =>
    creation.createInternal(
      topics.map((name) => ({ name, partitionCount: 4, replicationFactor: -1, configs: [] })),
      ASKER,
      { permits: null, backoffMs: 10_000 },
    );
  const errorsOf = (...topics: string[]) => Object.fromEntries(creation.errorsOf(topics));
  const names = () => requests.map(({ topics }) => topics.map(({ name }) => name));
  return { create, createInternal, errorsOf, finish, fail, requests, names, lines, clock };
}

describe("topics made by asking for them", () => {
  test("are not there yet in the answer; an illegal name never will be", () => {
    const { create, names } = make();
    const errors = create("new", "not a name", "new", "");
    expect(errors).toEqual({
      new: UNKNOWN_TOPIC_OR_PARTITION,
      "not a name": INVALID_TOPIC_EXCEPTION,
      "": INVALID_TOPIC_EXCEPTION,
    });
    expect(names()).toEqual([["new"]]);
  });

  test("are asked for once while that is under way", () => {
    const { create, finish, names } = make();
    create("a");
    expect(create("a", "b")).toEqual({
      a: UNKNOWN_TOPIC_OR_PARTITION,
      b: UNKNOWN_TOPIC_OR_PARTITION,
    });
    finish();
    create("a", "b");
    expect(names()).toEqual([["a"], ["b"], ["b"]]);
  });

  test("may be asked for again after they could not be made", () => {
    const { create, finish, names, lines } = make();
    create("a");
    finish(ErrorCode.INVALID_REPLICATION_FACTOR);
    create("a");
    expect(names()).toEqual([["a"], ["a"]]);
    expect(lines).toEqual([
      "WARN  topic a, which 10.0.0.7 asked for, was not created: INVALID_REPLICATION_FACTOR: so",
    ]);
  });

  test("may be asked for again after the node was stopping", () => {
    const { create, fail, names } = make();
    create("a");
    fail(new MetadataStoppedError("stopping"));
    create("a");
    expect(names()).toEqual([["a"], ["a"]]);
  });

  test("leave the controller its defaults unless the settings of the broker say more", () => {
    const plain = make();
    plain.create("a");
    expect(plain.requests[0]!.topics[0]).toEqual({
      name: "a",
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
    });
    const given = make({ "num.partitions": "4", "default.replication.factor": "2" });
    given.create("a");
    expect(given.requests[0]!.topics[0]).toMatchObject({ numPartitions: 4, replicationFactor: 2 });
  });

  test("are Kafka's own with Kafka's settings", () => {
    const { create, requests } = make({
      "offsets.topic.num.partitions": "7",
      "offsets.topic.replication.factor": "1",
      "offsets.topic.segment.bytes": "1000000",
      "transaction.state.log.min.isr": "1",
      "share.coordinator.state.topic.num.partitions": "3",
    });
    create("__consumer_offsets", "__transaction_state", "__share_group_state");
    const made = requests[0]!.topics.map(({ configs, ...topic }) => ({
      ...topic,
      configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])),
    }));
    expect(made).toEqual([
      {
        name: "__consumer_offsets",
        numPartitions: 7,
        replicationFactor: 1,
        assignments: [],
        configs: {
          "cleanup.policy": "compact",
          "compression.type": "producer",
          "segment.bytes": "1000000",
        },
      },
      {
        name: "__transaction_state",
        numPartitions: 50,
        replicationFactor: 3,
        assignments: [],
        configs: {
          "unclean.leader.election.enable": "false",
          "compression.type": "uncompressed",
          "cleanup.policy": "compact",
          "min.insync.replicas": "1",
          "segment.bytes": "104857600",
        },
      },
      {
        name: "__share_group_state",
        numPartitions: 3,
        replicationFactor: 3,
        assignments: [],
        configs: {
          "cleanup.policy": "delete",
          "compression.type": "producer",
          "segment.bytes": "104857600",
          "min.insync.replicas": "2",
          "retention.ms": "-1",
        },
      },
    ]);
  });
});

describe("internal topics of an application", () => {
  test("are asked for once while that is under way, as the application wants them", () => {
    const { createInternal, finish, requests, names } = make({ "num.partitions": "9" });
    createInternal("a", "b");
    createInternal("b", "c");
    expect(names()).toEqual([["a", "b"], ["c"]]);
    expect(requests[0]!.topics[0]).toMatchObject({ numPartitions: 4, replicationFactor: -1 });
    finish();
    createInternal("c");
    expect(names()).toHaveLength(3);
  });

  test("that failed are left alone for a while, and it is told why", () => {
    const { createInternal, errorsOf, finish, names, clock } = make();
    createInternal("a");
    finish(ErrorCode.INVALID_CONFIG);
    expect(errorsOf("a", "b")).toEqual({ a: "so" });
    createInternal("a", "b");
    expect(names()).toEqual([["a"], ["b"]]);
    clock.advance(10_000);
    expect(errorsOf("a")).toEqual({});
    createInternal("a");
    expect(names()).toHaveLength(3);
  });

  test("that failed are remembered up to a thousand", () => {
    const { createInternal, errorsOf, finish } = make();
    const many = Array.from({ length: 1_001 }, (_, index) => `t${index}`);
    createInternal(...many);
    finish(ErrorCode.INVALID_CONFIG);
    expect(Object.keys(errorsOf(...many))).toEqual(many.slice(1));
  });
});
