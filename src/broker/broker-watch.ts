/**
 * Sees, on the active controller, that the process of a broker has ended before its session does:
 * others lead its partitions at once, where in Kafka they wait for broker.session.timeout.ms.
 *
 *   heartbeat on a connection --> its listener is reached once: the way to it is open
 *   the connection ends       --> its listener is tried again --- taken --> it lives, or may
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
  readonly metadata: MetadataNode;
}

interface Connection {
  readonly id: number;
  readonly isClosing: boolean;
  readonly closing: Signal;
}

interface Watched {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly connectionId: number;
  /** It was, since this connection is there. */
  isReachable: boolean;
  isTrying: boolean;
  tryCount: number;
  end: Wait | null;
}

type Outcome = "taken" | "refused" | "unknown";

/** A process that ends closes its listeners a moment before or after its connections. */
const TRY_AGAIN_MS = [5, 50, 250];
const REACH_TRIES_MAX = 10;
const NOBODY = { data() {}, drain() {}, end() {}, close() {} };

export class BrokerWatch {
  readonly #options: BrokerWatchOptions;
  readonly #watched = new Map<number, Watched>();

  constructor(options: BrokerWatchOptions) {
    this.#options = options;
  }

  /** The controller has taken a heartbeat that came on this connection. */
  heard(brokerId: number, brokerEpoch: number, connection: Connection): void {
    const known = this.#watched.get(brokerId);
    const isSame = known?.connectionId === connection.id && known.brokerEpoch === brokerEpoch;
    const watched = isSame ? known : this.#watch(brokerId, brokerEpoch, connection);
    const mayTry = !watched.isReachable && !watched.isTrying;
    if (mayTry && watched.tryCount < REACH_TRIES_MAX) void this.#reach(watched);
  }

  #watch(brokerId: number, brokerEpoch: number, connection: Connection): Watched {
    this.#watched.get(brokerId)?.end?.cancel();
    const watched: Watched = {
      brokerId,
      brokerEpoch,
      connectionId: connection.id,
      isReachable: false,
      isTrying: false,
      tryCount: 0,
      end: null,
    };
    this.#watched.set(brokerId, watched);
    const { clock } = this.#options;
    watched.end = startWait(clock, [connection.closing], Infinity, () => connection.isClosing);
    void watched.end.result.then((hasEnded) => {
      if (hasEnded) void this.#ended(watched);
    });
    return watched;
  }

  async #reach(watched: Watched): Promise<void> {
    watched.isTrying = true;
    watched.tryCount++;
    watched.isReachable = (await this.#try(watched.brokerId)) === "taken";
    watched.isTrying = false;
  }

  async #ended(watched: Watched): Promise<void> {
    for (const delayMs of TRY_AGAIN_MS) {
      await this.#sleep(delayMs);
      // It was heard on another connection, or somebody else leads.
      if (!watched.isReachable || this.#watched.get(watched.brokerId) !== watched) return;
      const outcome = await this.#try(watched.brokerId);
      if (outcome === "refused") return this.#fence(watched);
    }
  }

  async #fence({ brokerId, brokerEpoch }: Watched): Promise<void> {
    const { metadata, logger } = this.#options;
    this.#watched.delete(brokerId);
    try {
      const command = fenceEndedBroker(brokerId, brokerEpoch);
      if (!(await metadata.submit(command))) return;
      logger.warn(`broker ${brokerId} is fenced: its process has ended`);
    } catch (error) {
      // A disk that failed has stopped the node by now.
      if (!(error instanceof NotControllerError || error instanceof DiskError)) throw error;
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
