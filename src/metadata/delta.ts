/** What a number of records changed, for those who keep something up to date with the image. */
import { type QuotaEntityPart, quotaEntityKey } from "./client-quotas-image.ts";
import type { ConfigResource } from "./configs-image.ts";
import type { TopicImage } from "./topics-image.ts";

export class MetadataDelta {
  /** Ids of topics that did not exist before and do now. */
  readonly createdTopics = new Set<string>();
  /** Topics that existed before and do not any more, as they were. By id. */
  readonly deletedTopics = new Map<string, TopicImage>();
  /** By topic id, also of created topics: partitions that are new or changed. */
  readonly changedPartitions = new Map<string, Set<number>>();
  /** Ids of brokers registered, changed or unregistered. */
  readonly changedBrokers = new Set<number>();
  readonly changedControllers = new Set<number>();
  /** Names of features with a new level. */
  readonly changedFeatures = new Set<string>();
  /** Leaders that may lack records; and those that were out of sync, but lack none (KIP-966). */
  uncleanElectionCount = 0;
  elrElectionCount = 0;
  /** By the key of an entity: those with a limit set or removed. */
  readonly changedClientQuotas = new Map<string, readonly QuotaEntityPart[]>();
  changedProducerIds = false;
  changedScram = false;
  changedAcls = false;
  changedDelegationTokens = false;
  /** By type and name of the resource. */
  readonly #changedConfigs = new Map<string, { resource: ConfigResource; keys: Set<string> }>();

  /** Resources with the names of their settings that were set or removed. */
  changedConfigs(): Iterable<{
    readonly resource: ConfigResource;
    readonly keys: ReadonlySet<string>;
  }> {
    return this.#changedConfigs.values();
  }

  topicCreated(id: string): void {
    this.createdTopics.add(id);
  }

  topicDeleted(topic: TopicImage): void {
    this.changedPartitions.delete(topic.id);
    if (!this.createdTopics.delete(topic.id)) this.deletedTopics.set(topic.id, topic);
  }

  partitionChanged(topicId: string, partitionId: number): void {
    const partitions = this.changedPartitions.get(topicId);
    if (partitions === undefined) this.changedPartitions.set(topicId, new Set([partitionId]));
    else partitions.add(partitionId);
  }

  clientQuotaChanged(entity: readonly QuotaEntityPart[]): void {
    this.changedClientQuotas.set(quotaEntityKey(entity), entity);
  }

  configChanged(resource: ConfigResource, key: string): void {
    const id = `${resource.type} ${resource.name}`;
    const changed = this.#changedConfigs.get(id) ?? { resource, keys: new Set<string>() };
    this.#changedConfigs.set(id, changed);
    changed.keys.add(key);
  }
}

/** For changes that nobody will ask for: remembers as little as can be. */
export class DiscardedDelta extends MetadataDelta {
  override topicCreated(): void {}
  override topicDeleted(): void {}
  override partitionChanged(): void {}
  override clientQuotaChanged(): void {}
  override configChanged(): void {}
}
