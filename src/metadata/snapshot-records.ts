/** The records that, applied to nothing, give an image: the contents of a snapshot. */
import { toRegisterBrokerRecord, toRegisterControllerRecord } from "./cluster-image.ts";
import {
  CONTROLLER_REGISTRATION_LEVEL,
  METADATA_VERSION,
  partitionRecordVersion,
  registerBrokerRecordVersion,
} from "./features.ts";
import type { MetadataImage } from "./image.ts";
import { toPartitionRecord } from "./partition-registration.ts";
import type { NewRecord } from "./record.ts";

/** metadata.version comes first: it says how to read the rest. */
export function* snapshotRecords(image: MetadataImage): Iterable<NewRecord> {
  yield featureRecord(METADATA_VERSION, image.metadataVersion);
  for (const [name, level] of image.features) {
    if (name !== METADATA_VERSION) yield featureRecord(name, level);
  }
  yield* clusterRecords(image);
  yield* topicRecords(image);
  for (const { type, name, configs } of image.configs.resources()) {
    for (const [key, value] of configs) {
      const config = { resourceType: type, resourceName: name, name: key, value };
      yield { name: "ConfigRecord", version: 0, value: config };
    }
  }
  for (const { entity, limits } of image.clientQuotas.values()) {
    for (const [key, value] of limits) {
      yield { name: "ClientQuotaRecord", version: 0, value: { entity, key, value, remove: false } };
    }
  }
  if (image.nextProducerId >= 0) {
    const { nextProducerId } = image;
    const value = { brokerId: -1, brokerEpoch: -1, nextProducerId };
    yield { name: "ProducerIdsRecord", version: 0, value };
  }
  yield* securityRecords(image);
}

function featureRecord(name: string, featureLevel: number): NewRecord {
  return { name: "FeatureLevelRecord", version: 0, value: { name, featureLevel } };
}

function* clusterRecords({ cluster, metadataVersion }: MetadataImage): Iterable<NewRecord> {
  const version = registerBrokerRecordVersion(metadataVersion);
  for (const broker of cluster.brokers.values()) {
    yield { name: "RegisterBrokerRecord", version, value: toRegisterBrokerRecord(broker) };
  }
  if (metadataVersion < CONTROLLER_REGISTRATION_LEVEL) return;
  for (const controller of cluster.controllers.values()) {
    const value = toRegisterControllerRecord(controller);
    yield { name: "RegisterControllerRecord", version: 0, value };
  }
}

function* topicRecords(image: MetadataImage): Iterable<NewRecord> {
  const { metadataVersion, isElrEnabled } = image;
  const level = { metadataVersion, isElrEnabled };
  const version = partitionRecordVersion(metadataVersion);
  for (const { name, id, partitions } of image.topics.values()) {
    yield { name: "TopicRecord", version: 0, value: { name, topicId: id } };
    for (const [partitionId, registration] of partitions.entries()) {
      const value = toPartitionRecord(registration, id, partitionId, level);
      yield { name: "PartitionRecord", version, value };
    }
  }
}

function* securityRecords({ security }: MetadataImage): Iterable<NewRecord> {
  for (const value of security.acls.values()) {
    yield { name: "AccessControlEntryRecord", version: 0, value };
  }
  for (const value of security.scramCredentials()) {
    yield { name: "UserScramCredentialRecord", version: 0, value };
  }
  for (const value of security.delegationTokens.values()) {
    yield { name: "DelegationTokenRecord", version: 0, value };
  }
}
