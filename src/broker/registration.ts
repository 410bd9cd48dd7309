/**
 * This node in the image of the cluster: registered and unfenced when it starts, fenced when it
 * stops. The controller is in the same process, so that a heartbeat is only sent when it says
 * something.
 *
 *   start   register (controller and broker) -> heartbeat -> unfenced: clients are told of it
 *   stop    heartbeat "wants to stop", until the controller lets it -> fenced
 */
import type { Random } from "../base/world.ts";
import { randomUuid } from "../base/uuid.ts";
import { LogStartupError } from "../log/log-startup-error.ts";
import { type BrokerHeartbeatReply, heartbeat } from "../metadata/controller/broker-heartbeat.ts";
import { registerBroker, registerController } from "../metadata/controller/register-broker.ts";
import type { SupportedFeatures } from "../metadata/features.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { type ListenerAddress, SECURITY_PROTOCOLS } from "./settings/listeners.ts";

export interface RegistrationOptions {
  readonly metadata: MetadataNode;
  readonly random: Random;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly rack: string | null;
  readonly supportedFeatures: SupportedFeatures;
  /** As others reach them. */
  readonly listeners: readonly AdvertisedListener[];
  readonly controllerListeners: readonly AdvertisedListener[];
  /** Ids of the log directories that are online. */
  readonly directoryIds: readonly string[];
  /** KIP-1066: ids of the directories that get no new replicas. */
  readonly cordonedIds: () => string[];
  /** Of the last clean stop; -1 when there was none. */
  readonly previousBrokerEpoch: number;
}

export type AdvertisedListener = ListenerAddress & { readonly host: string };

/** With one node there is nobody to hand leadership to: it needs a few, not many. */
const STOP_HEARTBEATS_MAX = 20;

export class Registration {
  readonly #options: RegistrationOptions;
  #brokerEpoch = -1;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** -1 before the node is registered. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  /** Throws `LogStartupError` when the controller refuses. */
  async enter(): Promise<void> {
    const { metadata } = this.#options;
    const incarnationId = randomUuid(this.#options.random);
    // Submitted together, they share one sync of the log.
    const [, reply] = await Promise.all([
      metadata.submit(registerController(this.#controllerRequest(incarnationId))),
      metadata.submit(registerBroker(this.#brokerRequest(incarnationId), true)),
    ]);
    if (reply.errorCode !== ErrorCode.NONE) {
      const why = reply.errorMessage ?? errorName(reply.errorCode);
      throw new LogStartupError(`This broker could not be registered: ${why}`);
    }
    this.#brokerEpoch = reply.brokerEpoch;
    await this.#heartbeat([], false);
  }

  async directoryFailed(directoryId: string): Promise<void> {
    await this.#heartbeat([directoryId], false);
  }

  async directoriesCordoned(): Promise<void> {
    try {
      await this.#heartbeat([], false);
    } catch (error) {
      if (!(error instanceof MetadataStoppedError)) throw error;
    }
  }

  /** Returns when the controller has let this broker go, or cannot any more. */
  async leave(): Promise<void> {
    if (this.#brokerEpoch === -1) return;
    try {
      for (let count = 0; count < STOP_HEARTBEATS_MAX; count++) {
        const { shouldShutDown, errorCode } = await this.#heartbeat([], true);
        if (shouldShutDown || errorCode !== ErrorCode.NONE) return;
      }
    } catch (error) {
      if (!(error instanceof MetadataStoppedError)) throw error;
    }
  }

  #heartbeat(offlineLogDirs: string[], wantShutDown: boolean): Promise<BrokerHeartbeatReply> {
    const { metadata, nodeId } = this.#options;
    return metadata.submit(
      heartbeat({
        brokerId: nodeId,
        brokerEpoch: this.#brokerEpoch,
        currentMetadataOffset: metadata.lastOffset,
        wantFence: false,
        wantShutDown,
        offlineLogDirs,
        cordonedLogDirs: this.#options.cordonedIds(),
      }),
    );
  }

  #controllerRequest(incarnationId: string) {
    const { nodeId, controllerListeners } = this.#options;
    return {
      controllerId: nodeId,
      incarnationId,
      zkMigrationReady: false,
      listeners: controllerListeners.map(endpointOf),
      features: this.#features(),
    };
  }

  #brokerRequest(incarnationId: string) {
    const { nodeId, clusterId, rack, listeners, directoryIds, previousBrokerEpoch } = this.#options;
    return {
      brokerId: nodeId,
      clusterId,
      incarnationId,
      listeners: listeners.map(endpointOf),
      features: this.#features(),
      rack,
      isMigratingZkBroker: false,
      logDirs: [...directoryIds],
      previousBrokerEpoch,
    };
  }

  #features() {
    return [...this.#options.supportedFeatures].map(([name, { min, max }]) => ({
      name,
      minSupportedVersion: min,
      maxSupportedVersion: max,
    }));
  }
}

function endpointOf({ name, host, port, protocol }: AdvertisedListener) {
  return { name, host, port, securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol) };
}
