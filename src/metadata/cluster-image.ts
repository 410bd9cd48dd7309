/** Registered brokers and controllers. */
import type { Input, Value } from "../protocol/schema.ts";
import type {
  registerBrokerRecord,
  registerControllerRecord,
} from "../protocol/records/metadata.ts";
import { isOnlineDirectory, MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY } from "./directory-id.ts";
import type { FeatureRange, SupportedFeatures } from "./features.ts";

export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

/** Never changed: a change gives a new one. */
export interface BrokerRegistration {
  readonly id: number;
  /** The offset of the record that registered this incarnation. */
  readonly epoch: number;
  /** New with each start of the process. */
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly features: SupportedFeatures;
  readonly rack: string | null;
  /** May lead nothing and is shown to no client. */
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
  /** Directory ids that are online. */
  readonly directories: readonly string[];
  /** KIP-1066: no new replicas are put there. Null when the broker never said. */
  readonly cordonedDirectories: readonly string[] | null;
}

export interface ControllerRegistration {
  readonly id: number;
  readonly incarnationId: string;
  readonly zkMigrationReady: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly features: SupportedFeatures;
}

export class ClusterImage {
  readonly brokers = new Map<number, BrokerRegistration>();
  readonly controllers = new Map<number, ControllerRegistration>();
  /**
   * Where the newest registration of a broker lies in the log: a broker that has seen it may be
   * unfenced. The records of a snapshot all count as its last.
   */
  readonly registrationOffsets = new Map<number, number>();

  broker(id: number): BrokerRegistration | null {
    return this.brokers.get(id) ?? null;
  }

  /** The registered endpoint of a broker on a listener. */
  endpoint(brokerId: number, listener: string): Endpoint | null {
    const endpoints = this.brokers.get(brokerId)?.endpoints ?? [];
    return endpoints.find((endpoint) => endpoint.name === listener) ?? null;
  }

  /** Neither fenced nor about to stop: may lead and be in sync. */
  isActive(brokerId: number): boolean {
    const broker = this.brokers.get(brokerId);
    return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
  }

  hasOnlineDirectory(brokerId: number, directory: string): boolean {
    const broker = this.brokers.get(brokerId);
    return broker !== undefined && isOnlineDirectory(directory, broker.directories);
  }

  /** Where a new replica on this broker goes: its one directory, or whichever it chooses. */
  defaultDirectory(brokerId: number): string {
    const directories = this.brokers.get(brokerId)?.directories;
    if (directories === undefined) return UNASSIGNED_DIRECTORY;
    if (directories.length === 0) return MIGRATING_DIRECTORY;
    return directories.length === 1 ? directories[0]! : UNASSIGNED_DIRECTORY;
  }

  clone(): ClusterImage {
    const copy = new ClusterImage();
    for (const [id, broker] of this.brokers) copy.brokers.set(id, broker);
    for (const [id, controller] of this.controllers) copy.controllers.set(id, controller);
    for (const [id, offset] of this.registrationOffsets) copy.registrationOffsets.set(id, offset);
    return copy;
  }
}

export function brokerFrom(record: Value<typeof registerBrokerRecord>): BrokerRegistration {
  return {
    id: record.brokerId,
    epoch: record.brokerEpoch,
    incarnationId: record.incarnationId,
    endpoints: record.endPoints,
    features: featuresFrom(record.features),
    rack: record.rack,
    fenced: record.fenced,
    inControlledShutdown: record.inControlledShutdown,
    directories: record.logDirs,
    cordonedDirectories: record.cordonedLogDirs,
  };
}

export function toRegisterBrokerRecord(
  broker: BrokerRegistration,
): Input<typeof registerBrokerRecord> {
  return {
    brokerId: broker.id,
    incarnationId: broker.incarnationId,
    brokerEpoch: broker.epoch,
    endPoints: broker.endpoints,
    features: featuresTo(broker.features),
    rack: broker.rack,
    fenced: broker.fenced,
    inControlledShutdown: broker.inControlledShutdown,
    logDirs: broker.directories,
    cordonedLogDirs: broker.cordonedDirectories,
  };
}

export function controllerFrom(
  record: Value<typeof registerControllerRecord>,
): ControllerRegistration {
  return {
    id: record.controllerId,
    incarnationId: record.incarnationId,
    zkMigrationReady: record.zkMigrationReady,
    endpoints: record.endPoints,
    features: featuresFrom(record.features),
  };
}

export function toRegisterControllerRecord(
  controller: ControllerRegistration,
): Input<typeof registerControllerRecord> {
  return {
    controllerId: controller.id,
    incarnationId: controller.incarnationId,
    zkMigrationReady: controller.zkMigrationReady,
    endPoints: controller.endpoints,
    features: featuresTo(controller.features),
  };
}

interface FeatureOfNode {
  readonly name: string;
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

function featuresFrom(features: readonly FeatureOfNode[]): SupportedFeatures {
  return new Map(
    features.map(({ name, minSupportedVersion, maxSupportedVersion }): [string, FeatureRange] => [
      name,
      { min: minSupportedVersion, max: maxSupportedVersion },
    ]),
  );
}

function featuresTo(features: SupportedFeatures): FeatureOfNode[] {
  return [...features].map(([name, { min, max }]) => ({
    name,
    minSupportedVersion: min,
    maxSupportedVersion: max,
  }));
}
