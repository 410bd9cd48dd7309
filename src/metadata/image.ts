/**
 * The state of the cluster that the records of the metadata log add up to. It changes only by
 * `apply`, live and at replay alike, one record at a time.
 *
 * Beside the image that brokers see, of committed records, the controller keeps a clone that runs
 * ahead with the records it has appended but that are not committed yet.
 */
import { assert } from "../base/assert.ts";
import { ClientQuotasImage } from "./client-quotas-image.ts";
import {
  type BrokerRegistration,
  ClusterImage,
  brokerFrom,
  controllerFrom,
} from "./cluster-image.ts";
import { ConfigResourceType, ConfigsImage } from "./configs-image.ts";
import type { MetadataDelta } from "./delta.ts";
import { ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION } from "./features.ts";
import { LeaderRecoveryState, merge, registrationFrom } from "./partition-registration.ts";
import type { MetadataRecord } from "./record.ts";
import { SecurityImage } from "./security-image.ts";
import { TopicsImage } from "./topics-image.ts";

/** The record data of one type. */
type DataOf<T> = Extract<MetadataRecord, { readonly name: T }>["value"];

export class MetadataImage {
  /** By feature name: finalized levels, metadata.version among them. None is at level 0. */
  readonly features: Map<string, number>;
  /** -1 until a block was ever given out. */
  nextProducerId = -1;

  constructor(
    readonly clusterId: string,
    readonly topics = new TopicsImage(),
    readonly cluster = new ClusterImage(),
    readonly configs = new ConfigsImage(),
    readonly clientQuotas = new ClientQuotasImage(),
    readonly security = new SecurityImage(),
    features: ReadonlyMap<string, number> = new Map(),
  ) {
    this.features = new Map(features);
  }

  /** Level of metadata.version; 0 while the log has no feature record. */
  get metadataVersion(): number {
    return this.features.get(METADATA_VERSION) ?? 0;
  }

  get isElrEnabled(): boolean {
    return (this.features.get(ELIGIBLE_LEADER_REPLICAS_VERSION) ?? 0) >= 1;
  }

  featureLevel(name: string): number {
    return this.features.get(name) ?? 0;
  }

  clone(): MetadataImage {
    const copy = new MetadataImage(
      this.clusterId,
      this.topics.clone(),
      this.cluster.clone(),
      this.configs.clone(),
      this.clientQuotas.clone(),
      this.security.clone(),
      this.features,
    );
    copy.nextProducerId = this.nextProducerId;
    return copy;
  }

  /** Transaction records are not for the image: see replay.ts. `offset` is the record's own. */
  apply(record: MetadataRecord, offset: number, delta: MetadataDelta): void {
    switch (record.name) {
      case "TopicRecord":
        this.topics.add(record.value.name, record.value.topicId);
        return delta.topicCreated(record.value.topicId);
      case "PartitionRecord":
        return this.#addPartition(record.value, delta);
      case "PartitionChangeRecord":
        return this.#changePartition(record.value, delta);
      case "RemoveTopicRecord":
        return this.#removeTopic(record.value.topicId, delta);
      case "ClearElrRecord":
        return this.#clearElr(record.value.topicName, delta);
      case "ConfigRecord":
        return this.#setConfig(record.value, delta);
      case "FeatureLevelRecord":
        return this.#setFeature(record.value, delta);
      case "ProducerIdsRecord":
        this.nextProducerId = record.value.nextProducerId;
        delta.changedProducerIds = true;
        return;
      case "ClientQuotaRecord":
        return this.#setClientQuota(record.value, delta);
      case "NoOpRecord":
      case "ZkMigrationStateRecord":
        return;
      case "BeginTransactionRecord":
      case "EndTransactionRecord":
      case "AbortTransactionRecord":
        return assert(false, `${record.name} reached the image`);
      default:
        if (!this.#applyToCluster(record, offset, delta)) this.#applyToSecurity(record, delta);
    }
  }

  #applyToCluster(record: MetadataRecord, offset: number, delta: MetadataDelta): boolean {
    switch (record.name) {
      case "RegisterBrokerRecord":
        this.cluster.brokers.set(record.value.brokerId, brokerFrom(record.value));
        this.cluster.registrationOffsets.set(record.value.brokerId, offset);
        delta.changedBrokers.add(record.value.brokerId);
        return true;
      case "UnregisterBrokerRecord":
        this.#registeredBroker(record.value.brokerId, record.value.brokerEpoch);
        this.cluster.brokers.delete(record.value.brokerId);
        this.cluster.registrationOffsets.delete(record.value.brokerId);
        delta.changedBrokers.add(record.value.brokerId);
        return true;
      case "FenceBrokerRecord":
        this.#changeBroker(record.value.id, record.value.epoch, { fenced: true }, delta);
        return true;
      case "UnfenceBrokerRecord":
        this.#changeBroker(record.value.id, record.value.epoch, { fenced: false }, delta);
        return true;
      case "BrokerRegistrationChangeRecord": {
        const { brokerId, brokerEpoch } = record.value;
        this.#changeBroker(brokerId, brokerEpoch, changesOfBroker(record.value), delta);
        return true;
      }
      case "RegisterControllerRecord":
        this.cluster.controllers.set(record.value.controllerId, controllerFrom(record.value));
        delta.changedControllers.add(record.value.controllerId);
        return true;
      default:
        return false;
    }
  }

  #applyToSecurity(record: MetadataRecord, delta: MetadataDelta): void {
    switch (record.name) {
      case "UserScramCredentialRecord":
        this.security.setScramCredential(record.value);
        delta.changedScram = true;
        return;
      case "RemoveUserScramCredentialRecord":
        this.security.removeScramCredential(record.value.mechanism, record.value.name);
        delta.changedScram = true;
        return;
      case "AccessControlEntryRecord":
        this.security.acls.set(record.value.id, record.value);
        delta.changedAcls = true;
        return;
      case "RemoveAccessControlEntryRecord":
        this.security.acls.delete(record.value.id);
        delta.changedAcls = true;
        return;
      case "DelegationTokenRecord":
        this.security.delegationTokens.set(record.value.tokenId, record.value);
        delta.changedDelegationTokens = true;
        return;
      case "RemoveDelegationTokenRecord":
        this.security.delegationTokens.delete(record.value.tokenId);
        delta.changedDelegationTokens = true;
        return;
      default:
        assert(false, `a record type without effect: ${record.name}`);
    }
  }

  #addPartition(data: DataOf<"PartitionRecord">, delta: MetadataDelta): void {
    this.topics.setPartition(data.topicId, data.partitionId, registrationFrom(data));
    delta.partitionChanged(data.topicId, data.partitionId);
  }

  #changePartition(data: DataOf<"PartitionChangeRecord">, delta: MetadataDelta): void {
    const old = this.topics.partition(data.topicId, data.partitionId);
    assert(old !== null, `a known partition to change: ${data.topicId}:${data.partitionId}`);
    this.topics.setPartition(data.topicId, data.partitionId, merge(old, data));
    delta.partitionChanged(data.topicId, data.partitionId);
    if (data.leaderRecoveryState === LeaderRecoveryState.RECOVERING) delta.uncleanElectionCount++;
    if (old.eligibleLeaderReplicas.includes(data.leader)) delta.elrElectionCount++;
  }

  #removeTopic(topicId: string, delta: MetadataDelta): void {
    const topic = this.topics.remove(topicId);
    this.configs.removeAll(ConfigResourceType.TOPIC, topic.name);
    delta.topicDeleted(topic);
  }

  /** The empty name means every topic. */
  #clearElr(topicName: string, delta: MetadataDelta): void {
    const named = this.topics.byName(topicName);
    assert(topicName === "" || named !== null, `a known topic: ${topicName}`);
    for (const topic of named === null ? this.topics.values() : [named]) {
      for (const partitionId of this.topics.clearElr(topic.id)) {
        delta.partitionChanged(topic.id, partitionId);
      }
    }
  }

  #setConfig(data: DataOf<"ConfigRecord">, delta: MetadataDelta): void {
    const { resourceType, resourceName, name, value } = data;
    this.configs.set(resourceType, resourceName, name, value);
    delta.configChanged({ type: resourceType, name: resourceName }, name);
  }

  #setFeature(data: DataOf<"FeatureLevelRecord">, delta: MetadataDelta): void {
    if (data.featureLevel === 0) this.features.delete(data.name);
    else this.features.set(data.name, data.featureLevel);
    delta.changedFeatures.add(data.name);
  }

  #setClientQuota(data: DataOf<"ClientQuotaRecord">, delta: MetadataDelta): void {
    this.clientQuotas.set(data.entity, data.key, data.remove ? null : data.value);
    delta.clientQuotaChanged(data.entity);
  }

  #registeredBroker(id: number, epoch: number): BrokerRegistration {
    const broker = this.cluster.broker(id);
    assert(broker?.epoch === epoch, `broker ${id} is registered with epoch ${epoch}`);
    return broker;
  }

  #changeBroker(
    id: number,
    epoch: number,
    changes: Partial<BrokerRegistration>,
    delta: MetadataDelta,
  ): void {
    this.cluster.brokers.set(id, { ...this.#registeredBroker(id, epoch), ...changes });
    delta.changedBrokers.add(id);
  }
}

/** Of `fenced` in a BrokerRegistrationChangeRecord. */
export const Fencing = { NONE: 0, FENCE: 1, UNFENCE: -1 } as const;
/** Of `inControlledShutdown`. Only a new registration ends it. */
export const ControlledShutdown = { NONE: 0, STARTED: 1 } as const;

function changesOfBroker(
  data: DataOf<"BrokerRegistrationChangeRecord">,
): Partial<BrokerRegistration> {
  const { fenced, inControlledShutdown, logDirs, cordonedLogDirs } = data;
  return {
    ...(fenced === Fencing.NONE ? {} : { fenced: fenced === Fencing.FENCE }),
    ...(inControlledShutdown === ControlledShutdown.NONE ? {} : { inControlledShutdown: true }),
    ...(logDirs.length === 0 ? {} : { directories: logDirs }),
    ...(cordonedLogDirs === null ? {} : { cordonedDirectories: cordonedLogDirs }),
  };
}
