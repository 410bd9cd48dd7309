/** What the recorded answers leave out: for how long, for what, and after a restart. */
import { describe, expect, test } from "bun:test";
import { METADATA_TOPIC_ID } from "../../src/base/uuid.ts";
import { encode } from "../../src/protocol/compile.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { describeClientQuotas } from "../../src/protocol/messages/48-describe-client-quotas.ts";
import { alterClientQuotas } from "../../src/protocol/messages/49-alter-client-quotas.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { afterKill } from "../sim/fake-world.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { makeTopic } from "./scenarios/prepare.ts";

const CLIENT = { "client-id": "scenario" };
const EVERYBODY = { user: null };
const timeoutMs = 5000;

describe("bytes", () => {
  test("that are produced are those of the request, and the delay brings them to the limit", () => {
    const broker = withTopic();
    limit(broker, CLIENT, "producer_byte_rate", 1000);
    expect(send(broker, 4000, -1)!.throttleTimeMs).toBe(0);
    const size = sizeOfProduce(6000);
    const total = size + sizeOfProduce(4000);
    expect(send(broker, 6000, -1)!.throttleTimeMs).toBe(total - 10_000);
    broker.world.clock.advance(total - 10_000);
    // It is there, but for what this one adds.
    expect(send(broker, 0, -1)!.throttleTimeMs).toBe(sizeOfProduce(0));
  });

  test("of a produce without an answer count, too", () => {
    const broker = withTopic();
    limit(broker, EVERYBODY, "producer_byte_rate", 1000);
    expect(send(broker, 9000, 0)).toBeNull();
    expect(send(broker, 2000, -1)!.throttleTimeMs).toBeGreaterThan(1000);
  });

  test("of followers are nobody's", () => {
    const broker = withTopic();
    send(broker, 20_000, -1);
    limit(broker, CLIENT, "consumer_byte_rate", 10);
    const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 };
    const request = {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: "t", partitions: [partition] }],
    };
    const asked = (replicaId: number) =>
      broker.wait(broker.asker.quietly(fetch, 11, { ...request, replicaId }));
    // It is told what it is told: that it is no replica.
    const told = asked(1);
    const { errorCode } = told.responses[0]!.partitions[0]!;
    expect([errorCode, told.throttleTimeMs]).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER, 0]);
    const throttled = asked(-1);
    expect([throttled.responses.length, throttled.throttleTimeMs > 0]).toEqual([0, true]);
  });
});

describe("time", () => {
  test("is shared out in hundredths of the one thread, a sample's length at most", () => {
    const broker = startBroker();
    limit(broker, CLIENT, "request_percentage", 10);
    const { clock } = broker.world;
    const monotonicMs = clock.monotonicMs.bind(clock);
    let spentMs = 0;
    // Every look at the clock takes 150 ms: a request, from its start to its end, one of them.
    clock.monotonicMs = () => monotonicMs() + (spentMs += 150);
    const ask = () =>
      broker.wait(
        broker.asker.quietly(apiVersions, 3, {
          clientSoftwareName: "x",
          clientSoftwareVersion: "1",
        }),
      ).throttleTimeMs;
    const delaysMs = Array.from({ length: 40 }, ask);
    expect(delaysMs[0]).toBe(0);
    expect(delaysMs.at(-1)).toBe(1000);
    expect(Math.max(...delaysMs)).toBe(1000);
  });

  test("of what nodes ask of each other is not counted", () => {
    const broker = startBroker();
    limit(broker, EVERYBODY, "request_percentage", 1e-9);
    const { clock } = broker.world;
    const monotonicMs = clock.monotonicMs.bind(clock);
    let spentMs = 0;
    clock.monotonicMs = () => monotonicMs() + (spentMs += 1);
    const topics = [
      {
        topicId: METADATA_TOPIC_ID,
        partitions: [{ fetchOffset: 0, partition: 0, partitionMaxBytes: 1 }],
      },
    ];
    const request = { maxWaitMs: 0, minBytes: 0, topics, replicaState: { replicaId: 2 } };
    const step = broker.wait(broker.asker.askOn("controller", fetch, 17, request));
    expect(step!.throttleTimeMs).toBe(0);
    expect(broker.wait(broker.asker.quietly(apiVersions, 0, {})).errorCode).toBe(0);
  });
});

describe("quotas", () => {
  test("are there after a restart, and in force", () => {
    const first = startBroker();
    limit(first, CLIENT, "producer_byte_rate", 7);
    limit(first, { ip: "10.0.0.1" }, "connection_creation_rate", 3);
    const second = startBroker({}, afterKill(first.world));
    const all = { components: [], strict: false };
    const { entries } = second.wait(second.asker.quietly(describeClientQuotas, 1, all));
    expect(entries).toHaveLength(2);
    expect(second.node.quotas.produce.isActive).toBe(true);
    expect(second.node.quotas.connectionRateOf("10.0.0.1")).toBe(3);
  });

  test("of a host are in force by the address of its name, after a restart too", () => {
    const broker = startBroker();
    const ask = (entityName: string) => {
      const entity = [{ entityType: "ip", entityName }];
      const ops = [{ key: "connection_creation_rate", value: 3, remove: false }];
      const request = { entries: [{ entity, ops }], validateOnly: false };
      const answer = broker.wait(broker.asker.quietly(alterClientQuotas, 1, request));
      return answer.entries[0]!.errorCode;
    };
    expect(ask("localhost")).toBe(ErrorCode.NONE);
    expect(ask("no.such.host")).toBe(ErrorCode.INVALID_REQUEST);
    broker.world.clock.settle();
    expect(broker.node.quotas.connectionRateOf("127.0.0.1")).toBe(3);
    const again = startBroker({}, afterKill(broker.world));
    again.world.clock.settle();
    expect(again.node.quotas.connectionRateOf("127.0.0.1")).toBe(3);
    again.stop();
  });

  test("of more than 10,000 records in a request are refused whole", () => {
    const broker = startBroker();
    const entries = Array.from({ length: 10_001 }, (_, index) =>
      entryOf({ user: `u${index}` }, "producer_byte_rate", 1),
    );
    const request = { entries, validateOnly: false };
    const answer = broker.wait(broker.asker.quietly(alterClientQuotas, 1, request));
    const codes = new Set(answer.entries.map(({ errorCode }) => errorCode));
    expect([answer.entries.length, ...codes]).toEqual([10_001, ErrorCode.POLICY_VIOLATION]);
    expect([...broker.node.image.clientQuotas.values()]).toEqual([]);
  });
});

type Entity = Readonly<Record<string, string | null>>;

function entryOf(entity: Entity, key: string, value: number) {
  return {
    entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: [{ key, value, remove: false }],
  };
}

function limit(broker: TestBroker, entity: Entity, key: string, value: number): void {
  const request = { entries: [entryOf(entity, key, value)], validateOnly: false };
  const answer = broker.wait(broker.asker.quietly(alterClientQuotas, 1, request));
  expect(answer.entries[0]!.errorCode).toBe(ErrorCode.NONE);
}

function withTopic(): TestBroker {
  const broker = startBroker();
  broker.wait(makeTopic(broker.asker, "t"));
  return broker;
}

function requestOf(size: number, acks: number) {
  const value = Buffer.alloc(size, "v");
  const records = buildBatch({ records: [{ timestamp: 1, key: null, value }] });
  return { acks, timeoutMs, topicData: [{ name: "t", partitionData: [{ index: 0, records }] }] };
}

/** With a header of version 2. */
function sizeOfProduce(size: number): number {
  const header = 2 + 2 + 4 + 2 + "scenario".length + 1;
  return header + encode(produce.request, 9, requestOf(size, -1)).length;
}

function send(broker: TestBroker, size: number, acks: number) {
  return broker.wait(broker.asker.ask(produce, 9, requestOf(size, acks)));
}
