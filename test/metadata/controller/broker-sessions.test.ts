import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/logger.ts";
import {
  type BrokerHeartbeatReply,
  fenceStaleBroker,
  heartbeat,
} from "../../../src/metadata/controller/broker-heartbeat.ts";
import { unregisterBroker } from "../../../src/metadata/controller/unregister-broker.ts";
import type { Command } from "../../../src/metadata/controller/command.ts";
import { ControllerTasks } from "../../../src/metadata/controller-tasks.ts";
import { DEFAULT_METADATA_SETTINGS } from "../../../src/metadata/metadata-settings.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { beat, TestController } from "../controller-harness.ts";

const SESSION_MS = 9000;
/** The node of the controller itself. */
const OWN = 1;

describe("sessions of brokers after another controller has become active", () => {
  test("each unfenced broker gets one, and is fenced when it stays silent", () => {
    const { controller } = withBrokers(2, 3);
    controller.sessions.activate(controller.image, OWN);
    controller.world.clock.advance(SESSION_MS);
    expect(controller.run(fenceStaleBroker())).toBeNull();
    controller.world.clock.advance(1);
    expect([0, 1, 2].map(() => controller.run(fenceStaleBroker()))).toEqual([2, 3, null]);
    expect(controller.image.cluster.broker(2)?.fenced).toBe(true);
  });

  test("the broker of the same process is given as long, and lives on once it was heard", () => {
    const { controller, epochs } = withBrokers(OWN, 2);
    const { sessions, world, image } = controller;
    sessions.activate(image, OWN);
    // What the log knows may be an incarnation of the process before this one.
    expect(sessions.hasValidSession(OWN, epochs.get(OWN)!)).toBe(false);
    world.clock.advance(SESSION_MS);
    controller.run(heartbeat(beat(2, epochs.get(2)!, controller.nextOffset)));
    expect(controller.run(fenceStaleBroker())).toBeNull();
    world.clock.advance(1);
    expect(controller.run(fenceStaleBroker())).toBe(OWN);
    controller.run(heartbeat(beat(OWN, epochs.get(OWN)!, controller.nextOffset)));
    world.clock.advance(100 * SESSION_MS);
    expect(sessions.hasValidSession(OWN, epochs.get(OWN)!)).toBe(true);
  });

  test("no broker may stop before all others were heard by the new controller", () => {
    const { controller, epochs } = withBrokers(OWN, 2, 3);
    controller.createTopic("t", [[3, 2]]);
    const wish = (reached = controller.nextOffset): BrokerHeartbeatReply =>
      controller.run(heartbeat({ ...beat(3, epochs.get(3)!, reached), wantShutDown: true }));
    expect(wish().shouldShutDown).toBe(false);
    controller.sessions.activate(controller.image, OWN);
    // It leads nothing any more, but the new controller saw no wish of it yet.
    expect(wish().shouldShutDown).toBe(true);
    const { controller: other, epochs: otherEpochs } = withBrokers(OWN, 2, 3);
    other.createTopic("t", [[3, 2]]);
    other.sessions.activate(other.image, OWN);
    const ask = () =>
      other.run(
        heartbeat({ ...beat(3, otherEpochs.get(3)!, other.nextOffset), wantShutDown: true }),
      );
    expect(ask().shouldShutDown).toBe(false);
    other.run(heartbeat(beat(2, otherEpochs.get(2)!, other.nextOffset)));
    expect(ask().shouldShutDown).toBe(false);
    other.run(heartbeat(beat(OWN, otherEpochs.get(OWN)!, other.nextOffset)));
    expect(ask().shouldShutDown).toBe(true);
  });
});

describe("the task that fences", () => {
  test("fences all that were silent, one after the other", () => {
    const { tasks, controller } = running(withBrokers(OWN, 2, 3));
    tasks.start();
    controller.world.clock.advance(2 * SESSION_MS);
    expect(fencedIn(controller)).toEqual([2, 3]);
    tasks.stop();
  });

  test("blames nobody for what this process has slept through", () => {
    const { tasks, controller } = running(withBrokers(OWN, 2, 3));
    tasks.start();
    controller.world.clock.freeze();
    controller.world.clock.advance(10 * SESSION_MS);
    controller.world.clock.thaw();
    controller.world.clock.advance(1000);
    expect(fencedIn(controller)).toEqual([]);
    controller.world.clock.advance(2 * SESSION_MS);
    expect(fencedIn(controller)).toEqual([2, 3]);
    tasks.stop();
  });
});

test("a broker with more partitions than a request may change is not unregistered at once", () => {
  const { controller } = withBrokers(2, 3);
  for (const name of ["a", "b"]) {
    controller.createTopic(
      name,
      Array.from({ length: 5001 }, () => [2, 3]),
    );
  }
  const refused = controller.run(unregisterBroker(2));
  expect(refused.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
  expect(controller.image.cluster.broker(2)).not.toBeNull();
});

function withBrokers(...ids: number[]) {
  const controller = new TestController();
  const epochs = new Map(ids.map((id) => [id, controller.addBroker(id)]));
  return { controller, epochs };
}

function running<T extends { controller: TestController }>(made: T) {
  const { controller } = made;
  controller.sessions.activate(controller.image, OWN);
  const host = {
    image: controller.image,
    sessions: controller.sessions,
    hasReaders: false,
    submit: <R>(command: Command<R>) => Promise.resolve(controller.run(command)),
  };
  const { clock } = controller.world;
  const settings = { ...DEFAULT_METADATA_SETTINGS, brokerSessionTimeoutMs: SESSION_MS };
  const tasks = new ControllerTasks(host, clock, silentLogger, settings);
  return { ...made, tasks };
}

function fencedIn({ image }: TestController): number[] {
  const brokers = [...image.cluster.brokers.values()];
  return brokers.filter(({ id, fenced }) => id !== OWN && fenced).map(({ id }) => id);
}
