/** A whole node on one fake machine, and on another the channel of a broker that finds it there. */
import { silentLogger } from "../../src/base/logger.ts";
import { LogLevels } from "../../src/base/log-levels.ts";
import { Signal } from "../../src/base/signal.ts";
import { ControllerChannel, type ControllerFinder } from "../../src/broker/controller-channel.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import { NotControllerError } from "../../src/metadata/metadata-errors.ts";
import type { ActiveControllerAddress } from "../../src/metadata/metadata-node.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import { type Node, startNode } from "../../src/server/node.ts";
import { testProperties } from "../compat/harness/properties.ts";
import { registration } from "../metadata/controller-harness.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../sim/fake-world.ts";

const CONTROLLER = "10.0.0.1";
const BROKER = "10.0.0.2";
const [BROKER_PORT, CONTROLLER_PORT] = [9092, 9093];

/** What a node knows of the controller, as a test wills it. */
export class FakeFinder implements ControllerFinder {
  readonly controllerMoved = new Signal();
  isActiveController = false;
  place: ActiveControllerAddress | null = { id: 1, host: CONTROLLER, port: CONTROLLER_PORT };
  /** What a command meets while the controller is said to be here. */
  submit: ControllerFinder["submit"] = () => Promise.reject(new NotControllerError("not here"));

  activeController(): ActiveControllerAddress | null {
    return this.place;
  }

  moveTo(place: ActiveControllerAddress | null, isHere = false): void {
    this.place = place;
    this.isActiveController = isHere;
    this.controllerMoved.move();
  }
}

export interface RemoteController {
  readonly world: FakeWorld;
  /** Of the broker's machine. */
  readonly here: FakeWorld;
  readonly node: Node;
  readonly finder: FakeFinder;
  readonly channel: ControllerChannel;
  wait<T>(promise: Promise<T>): T;
}

const CONTROLLER_LISTENER = `CONTROLLER://${CONTROLLER}:${CONTROLLER_PORT}`;
const BROKER_LISTENER = `PLAINTEXT://${CONTROLLER}:${BROKER_PORT}`;

/** Settings of a node that is no broker. */
export const CONTROLLER_ALONE = {
  "process.roles": "controller",
  listeners: CONTROLLER_LISTENER,
  "advertised.listeners": CONTROLLER_LISTENER,
};

export const DIRECTORY = "JEXY6aqzQY-32P5TStzaFg";

/** How the broker on the other machine registers. */
export function requestOf({ here, node }: RemoteController) {
  const request = registration(here, 2, [DIRECTORY]);
  const features = [...node.broker.supportedFeatures].map(([name, { min, max }]) => ({
    name,
    minSupportedVersion: min,
    maxSupportedVersion: max,
  }));
  return { ...request, clusterId: node.broker.clusterId, features };
}

export function remoteController(settings: Record<string, string> = {}): RemoteController {
  const world = fakeWorld(1, CONTROLLER);
  const texts = {
    ...testProperties(BROKER_PORT, CONTROLLER_PORT, "/data"),
    listeners: `${BROKER_LISTENER},${CONTROLLER_LISTENER}`,
    "advertised.listeners": BROKER_LISTENER,
    ...settings,
  };
  const node = world.clock.await(
    startNode({
      world,
      settings: new Settings(new Map(Object.entries(texts))),
      logger: silentLogger,
      logLevels: new LogLevels("INFO"),
      hostName: CONTROLLER,
      fatal: (error) => {
        throw error;
      },
    }),
  );
  const here = neighbourOf(world, BROKER);
  const finder = new FakeFinder();
  const channel = new ControllerChannel({
    ...here,
    pool: new BufferPool(),
    nodeId: 2,
    metadata: () => finder,
    setupTimeoutMs: 1000,
    attemptTimeoutMs: 2000,
  });
  return { world, here, node, finder, channel, wait: (promise) => here.clock.await(promise) };
}
