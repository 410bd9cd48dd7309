import { describe, expect, test } from "bun:test";
import {
  ALLOCATE_PRODUCER_IDS,
  ALTER_PARTITION,
  ASSIGN_REPLICAS_TO_DIRS,
  BROKER_HEARTBEAT,
  CREATE_TOPICS,
  REGISTER_BROKER,
  REGISTER_CONTROLLER,
} from "../../src/broker/controller-calls.ts";
import { NodeError } from "../../src/client/node-error.ts";
import { MetadataStoppedError } from "../../src/metadata/metadata-errors.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { beat } from "../metadata/controller-harness.ts";
import { DIRECTORY, remoteController, requestOf } from "./remote-controller.ts";

const SOON = 1000;

describe("what a broker asks of a controller on another node", () => {
  test("is registered, heard, given ids and directories as in the same process", () => {
    const far = remoteController();
    const { channel, wait, node } = far;
    const request = requestOf(far);
    const reply = wait(channel.ask(REGISTER_BROKER, request, SOON));
    const { brokerEpoch } = reply;
    expect(reply).toEqual({ errorCode: ErrorCode.NONE, errorMessage: null, brokerEpoch });
    const { image, lastOffset } = node.broker.metadata;
    expect(image.cluster.broker(2)?.epoch).toBe(brokerEpoch);
    const heard = wait(channel.ask(BROKER_HEARTBEAT, beat(2, brokerEpoch, lastOffset), SOON));
    expect(heard).toMatchObject({ errorCode: ErrorCode.NONE, isCaughtUp: true, isFenced: false });
    const ids = wait(channel.ask(ALLOCATE_PRODUCER_IDS, { brokerId: 2, brokerEpoch }, SOON));
    expect(ids).toEqual({
      errorCode: ErrorCode.NONE,
      producerIdStart: 0,
      producerIdLength: 1000,
    });
    const topics = [{ name: "far", assignments: [{ partitionIndex: 0, brokerIds: [2] }] }];
    const created = wait(channel.ask(CREATE_TOPICS, creation(topics), SOON));
    expect(created.topics[0]).toMatchObject({ name: "far", errorCode: ErrorCode.NONE });
    const { topicId } = created.topics[0]!;
    const assigned = [{ topicId, partitions: [{ partitionIndex: 0 }] }];
    const directories = [{ id: DIRECTORY, topics: assigned }];
    const where = { brokerId: 2, brokerEpoch, directories };
    expect(wait(channel.ask(ASSIGN_REPLICAS_TO_DIRS, where, SOON)).errorCode).toBe(ErrorCode.NONE);
    const stale = { brokerId: 2, brokerEpoch: brokerEpoch - 1, topics: [partitionsOf(topicId)] };
    const altered = wait(channel.ask(ALTER_PARTITION, stale, SOON));
    expect(altered.errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    const { incarnationId, listeners, features } = request;
    const controller = { controllerId: 2, incarnationId, listeners, features };
    const asked = channel.ask(
      REGISTER_CONTROLLER,
      { ...controller, zkMigrationReady: false },
      SOON,
    );
    expect(wait(asked)).toMatchObject({ errorCode: ErrorCode.NONE });
    expect(node.broker.image.cluster.controllers.get(2)?.incarnationId).toBe(incarnationId);
  });

  test("waits until it is known where the controller is", () => {
    const { channel, wait, finder, here } = remoteController();
    const { place } = finder;
    finder.place = null;
    const asked = channel.ask(ALLOCATE_PRODUCER_IDS, { brokerId: 9, brokerEpoch: 1 }, 5000);
    here.clock.schedule(2000, () => finder.moveTo(place));
    const beganMs = here.clock.monotonicMs();
    expect(wait(asked).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect(here.clock.monotonicMs() - beganMs).toBeWithin(2000, 2100);
  });

  test("goes on to another node when the one asked is not the controller, or breaks down", () => {
    const { channel, wait, finder, world, here } = remoteController();
    const { place } = finder;
    // Nobody listens there.
    finder.place = { id: 3, host: "10.0.0.3", port: 9093 };
    const asked = channel.ask(ALLOCATE_PRODUCER_IDS, { brokerId: 9, brokerEpoch: 1 }, 5000);
    here.clock.schedule(500, () => finder.moveTo(place));
    expect(wait(asked).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    world.wire.cut("10.0.0.1", "10.0.0.2");
    const cut = channel.ask(ALLOCATE_PRODUCER_IDS, { brokerId: 9, brokerEpoch: 1 }, 10_000);
    here.clock.schedule(3000, () => world.wire.heal("10.0.0.1", "10.0.0.2"));
    expect(wait(cut).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
  });

  test("comes back when the controller comes to this node, and leaves it again", () => {
    const { channel, wait, finder, here } = remoteController();
    const { place } = finder;
    let submitted = 0;
    const { submit } = finder;
    finder.submit = (command) => {
      submitted++;
      return submit(command);
    };
    finder.moveTo({ id: 2, host: "10.0.0.2", port: 9093 }, true);
    const asked = channel.ask(ALLOCATE_PRODUCER_IDS, { brokerId: 9, brokerEpoch: 1 }, 5000);
    here.clock.schedule(220, () => finder.moveTo(place));
    expect(wait(asked).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect(submitted).toBe(5);
  });

  test("fails when its time is over, or this node stops", () => {
    const { channel, wait, finder } = remoteController();
    const { place } = finder;
    finder.place = null;
    const request = { brokerId: 9, brokerEpoch: 1 };
    const late = wait(failureOf(channel.ask(ALLOCATE_PRODUCER_IDS, request, 300)));
    expect(late).toBeInstanceOf(NodeError);
    expect(late).toMatchObject({ reason: "timedOut" });
    finder.place = place;
    const unanswered = { ...ALLOCATE_PRODUCER_IDS, send: () => new Promise<never>(() => {}) };
    const silent = wait(failureOf(channel.ask(unanswered, request, 300)));
    expect(String(silent)).toContain("node 1 did not answer in time");
    finder.place = null;
    const waiting = failureOf(channel.ask(ALLOCATE_PRODUCER_IDS, request, 60_000));
    channel.close();
    expect(wait(waiting)).toBeInstanceOf(MetadataStoppedError);
  });
});

interface NewTopic {
  readonly name: string;
  readonly assignments: { partitionIndex: number; brokerIds: number[] }[];
}

function creation(topics: readonly NewTopic[]) {
  const placed = { numPartitions: -1, replicationFactor: -1, configs: [] };
  const whole = topics.map((topic) => ({ ...topic, ...placed }));
  return { topics: whole, timeoutMs: SOON, validateOnly: false };
}

function partitionsOf(topicId: string) {
  const epochs = { leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0 };
  const newIsrWithEpochs = [{ brokerId: 2, brokerEpoch: -1 }];
  return {
    topicId,
    partitions: [{ partitionIndex: 0, ...epochs, newIsr: [], newIsrWithEpochs }],
  };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise.then(() => null);
  } catch (error) {
    return error;
  }
}
