/**
 * Sees, on controllers, that the process of a broker has ended before its session does: others lead
 * its partitions at once, where in Kafka they wait for broker.session.timeout.ms.
 *
 *   unfenced                    --> its listener is reached once: the way to it is open
 *   its heartbeats' connection ends, or another controller becomes active
 *                               --> its listener is tried again --- taken --> it lives, or may
 *                                           '--- refused: the kernel of its machine says that
 *                                                nobody listens there --> fenced
 *
 * Whoever cannot be reached from here, or does not answer, has its whole session, as in Kafka. A
 * broker that is fenced by mistake loses no more than its place until its next heartbeat.
 */
import type { Logger } from "../base/logger.ts";
import { type Signal, startWait, type Wait } from "../base/signal.ts";
import { type Clock, DiskError, type Network, NetworkError } from "../base/world.ts";
import { fenceEndedBroker } from "../metadata/controller/broker-heartbeat.ts";
import { NotControllerError } from "../metadata/metadata-errors.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";

export interface BrokerWatchOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly metadata: MetadataNode;
}

interface Connection {
  readonly id: number;
  readonly isClosing: boolean;
  readonly closing: Signal;
}

interface Watched {
  readonly brokerEpoch: number;
  readonly connectionId: number;
  readonly end: Wait;
}

type Outcome = "taken" | "refused" | "unknown";

/** A process that ends closes its listeners a moment before or after its connections. */
const TRY_AGAIN_MS = [5, 50, 250];
const NOBODY = { data() {}, drain() {}, end() {}, close() {} };

export class BrokerWatch {
  readonly #options: BrokerWatchOptions;
  /** Where the heartbeats of brokers come from. */
  readonly #watched = new Map<number, Watched>();
  /** Epochs of brokers whose listeners were reached. */
  readonly #reached = new Map<number, number>();
  readonly #reaching = new Set<number>();
  #wasActive = false;

  constructor(options: BrokerWatchOptions) {
    this.#options = options;
  }

  /** Other brokers have come or changed. */
  brokersChanged(): void {
    for (const { id, epoch, fenced } of this.#others()) {
      if (!fenced && this.#reached.get(id) !== epoch) void this.#reach(id, epoch);
    }
  }

  /** This node's controller may have become active. */
  controllerMoved(): void {
    const isActive = this.#options.metadata.isActiveController;
    if (isActive && !this.#wasActive) {
      for (const { id, epoch, fenced } of this.#others()) {
        if (!fenced) void this.#examine(id, epoch, () => !this.#watched.has(id));
      }
    }
    if (!isActive) this.#forgetConnections();
    this.#wasActive = isActive;
  }

  /** The controller has taken a heartbeat that came on this connection. */
  heard(brokerId: number, brokerEpoch: number, connection: Connection): void {
    const known = this.#watched.get(brokerId);
    const isSame = known?.connectionId === connection.id && known.brokerEpoch === brokerEpoch;
    if (!isSame) this.#watch(brokerId, brokerEpoch, connection);
    if (this.#reached.get(brokerId) !== brokerEpoch) void this.#reach(brokerId, brokerEpoch);
  }

  *#others() {
    const { metadata, nodeId } = this.#options;
    for (const broker of metadata.image.cluster.brokers.values()) {
      if (broker.id !== nodeId) yield broker;
    }
  }

  #watch(brokerId: number, brokerEpoch: number, connection: Connection): void {
    this.#watched.get(brokerId)?.end.cancel();
    const { clock } = this.#options;
    const end = startWait(clock, [connection.closing], Infinity, () => connection.isClosing);
    const watched = { brokerEpoch, connectionId: connection.id, end };
    this.#watched.set(brokerId, watched);
    void end.result.then((hasEnded) => {
      if (!hasEnded) return;
      const isUnheard = () => this.#watched.get(brokerId) === watched;
      void this.#examine(brokerId, brokerEpoch, isUnheard);
    });
  }

  #forgetConnections(): void {
    for (const { end } of this.#watched.values()) end.cancel();
    this.#watched.clear();
  }

  async #reach(brokerId: number, brokerEpoch: number): Promise<void> {
    if (this.#reaching.has(brokerId)) return;
    this.#reaching.add(brokerId);
    const isReached = (await this.#try(brokerId)) === "taken";
    this.#reaching.delete(brokerId);
    if (isReached) this.#reached.set(brokerId, brokerEpoch);
  }

  async #examine(brokerId: number, brokerEpoch: number, isUnheard: () => boolean): Promise<void> {
    for (const delayMs of TRY_AGAIN_MS) {
      await this.#sleep(delayMs);
      if (this.#reached.get(brokerId) !== brokerEpoch || !isUnheard()) return;
      if ((await this.#try(brokerId)) !== "refused" || !isUnheard()) continue;
      if (await this.#fence(brokerId, brokerEpoch)) return;
    }
  }

  /** False where the controller does not take it, or not yet. */
  async #fence(brokerId: number, brokerEpoch: number): Promise<boolean> {
    const { metadata, logger } = this.#options;
    try {
      const isFenced = await metadata.submit(fenceEndedBroker(brokerId, brokerEpoch));
      if (isFenced) logger.warn(`broker ${brokerId} is fenced: its process has ended`);
      return true;
    } catch (error) {
      // A disk that failed has stopped the node by now.
      if (!(error instanceof NotControllerError || error instanceof DiskError)) throw error;
      return false;
    }
  }

  async #try(brokerId: number): Promise<Outcome> {
    const { metadata, network } = this.#options;
    const [endpoint] = metadata.image.cluster.broker(brokerId)?.endpoints ?? [];
    if (endpoint === undefined) return "unknown";
    try {
      const socket = await network.connect(endpoint.host, endpoint.port, NOBODY);
      socket.terminate();
      return "taken";
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      return error.code === "ECONNREFUSED" ? "refused" : "unknown";
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.schedule(delayMs, resolve));
  }
}
