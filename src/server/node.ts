/**
 * A whole node: the broker and its listeners. What `bunka broker` runs, and what a test embeds.
 *
 *   const node = await startNode({ world: realWorld(), settings, logger, ... });
 *   node.port("PLAINTEXT");
 *   await node.stop();
 */
import { Dispatcher } from "../api/dispatcher.ts";
import { later } from "../base/later.ts";
import type { LogLevels } from "../base/log-levels.ts";
import type { Logger } from "../base/logger.ts";
import { Metrics } from "../base/metrics.ts";
import { endOfTurn } from "../base/slices.ts";
import type { World } from "../base/world.ts";
import { BrokerNode } from "../broker/broker-node.ts";
import { metricsListener } from "../broker/settings/own-settings.ts";
import type { Settings } from "../broker/settings/settings.ts";
import type { NodeMetrics } from "./metrics/node-metrics.ts";
import { addressOf, followListeners } from "./follow-listeners.ts";
import { Server } from "./server.ts";
import { limitsOf } from "./settings-limits.ts";

export interface NodeOptions {
  readonly world: World;
  readonly settings: Settings;
  readonly logger: Logger;
  /** Of `logger` and its children. */
  readonly logLevels: LogLevels;
  /** What clients are told where a listener names no host. */
  readonly hostName: string;
  /** The node cannot go on; called once at most. Whoever runs it ends the process. */
  readonly fatal: (error: unknown) => void;
}

/** How long requests in flight may take when the node stops. */
const STOP_MS_MAX = 10_000;

type MetricsModule = typeof import("./metrics/node-metrics.ts");
const metricsModule = later((): MetricsModule => require("./metrics/node-metrics.ts"));

export class Node {
  readonly broker: BrokerNode;
  readonly server: Server;
  readonly #metrics: () => NodeMetrics;
  #stopped: Promise<void> | null = null;

  constructor(
    broker: BrokerNode,
    server: Server,
    metrics: Metrics,
    fatal: (error: unknown) => void,
  ) {
    this.broker = broker;
    this.server = server;
    this.#metrics = later(() => {
      const { NodeMetrics } = metricsModule();
      return new NodeMetrics({ broker, server, metrics, fatal });
    });
  }

  /** Once the broker has started. Throws `NetworkError` when an address cannot be had. */
  start(): void {
    const { settings } = this.broker;
    const listener = metricsListener(settings.static);
    if (listener !== null) this.metrics.listen(listener);
  }

  get metrics(): NodeMetrics {
    return this.#metrics();
  }

  /** The port that a listener has got. */
  port(listenerName: string): number {
    return this.server.port(listenerName);
  }

  /** Answers what is in flight, flushes, and leaves the marker of a clean stop. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    if (metricsListener(this.broker.settings.static) !== null) this.metrics.stop();
    await this.broker.leave();
    const { listeners } = this.broker;
    const isClients = (name: string) => listeners.controller.every((other) => other.name !== name);
    const names = this.server.listenerNames.filter(isClients);
    const answered = this.server.retire(names, STOP_MS_MAX);
    // What members asked for in this turn is written at its end. Then those are left who wait for
    // other members, minutes maybe: they are told to look for another coordinator.
    await endOfTurn(this.broker.world.clock);
    this.broker.dismissMembers();
    await answered;
    // Until this node has left the quorum, the others ask it for what they need to leave as well.
    await this.broker.stop();
    await this.server.stop(STOP_MS_MAX);
  }
}

/** Throws what stands in the way, as errors whose message is one line. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { world, logger } = options;
  const broker = await BrokerNode.open(options);
  const metrics = new Metrics();
  const server = new Server({
    clock: world.clock,
    network: world.network,
    limits: limitsOf(broker),
    logger: logger.child("server"),
    metrics,
    fatal: options.fatal,
  });
  const node = new Node(broker, server, metrics, options.fatal);
  broker.settings.watch(() => server.limitsChanged());
  const forClients = new Dispatcher("broker");
  const forControllers = new Dispatcher("controller");
  const { listeners } = broker;
  try {
    server.start([
      ...listeners.broker.map((listener) => addressOf(listener, forClients)),
      ...listeners.controller.map((listener) => addressOf(listener, forControllers)),
    ]);
    followListeners(server, broker.settings, forClients, logger);
    await broker.startMetadata(new Map(listeners.all.map(({ name }) => [name, server.port(name)])));
    // What others need of this node to become a quorum, and to register.
    forControllers.open(broker);
    await broker.start();
    node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  forClients.open(broker);
  return node;
}
