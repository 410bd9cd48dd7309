/**
 * An image becomes another, in its place: a snapshot from the leader says what many records that
 * are in no log any more have come to. Whoever follows the image is told the difference.
 */
import { isDeepStrictEqual } from "node:util";
import type { ClusterImage } from "./cluster-image.ts";
import { ConfigResourceType } from "./configs-image.ts";
import { MetadataDelta } from "./delta.ts";
import type { MetadataImage } from "./image.ts";

/** `image` is as `target` afterwards; `target` is used up. */
export function replaceImage(image: MetadataImage, target: MetadataImage): MetadataDelta {
  const delta = new MetadataDelta();
  replaceFeatures(image, target, delta);
  replaceCluster(image.cluster, target.cluster, delta);
  // Settings of a topic go with it, those of a new one come behind it.
  replaceTopics(image, target, delta);
  replaceConfigs(image, target, delta);
  replaceClientQuotas(image, target, delta);
  replaceSecurity(image, target, delta);
  delta.changedProducerIds = image.nextProducerId !== target.nextProducerId;
  image.nextProducerId = target.nextProducerId;
  return delta;
}

function replaceFeatures(image: MetadataImage, target: MetadataImage, delta: MetadataDelta): void {
  for (const name of replaceMap(image.features, target.features, isSame)) {
    delta.changedFeatures.add(name);
  }
}

function replaceCluster(cluster: ClusterImage, target: ClusterImage, delta: MetadataDelta): void {
  for (const id of replaceMap(cluster.brokers, target.brokers, isAlike)) {
    delta.changedBrokers.add(id);
  }
  for (const id of replaceMap(cluster.controllers, target.controllers, isAlike)) {
    delta.changedControllers.add(id);
  }
  replaceMap(cluster.registrationOffsets, target.registrationOffsets, isSame);
}

function replaceTopics(image: MetadataImage, target: MetadataImage, delta: MetadataDelta): void {
  const { topics, configs } = image;
  for (const topic of [...topics.values()]) {
    const now = target.topics.byId(topic.id);
    // Partitions are only ever added: fewer of them would be another topic's.
    if (now !== null && now.partitions.length >= topic.partitions.length) continue;
    topics.remove(topic.id);
    configs.removeAll(ConfigResourceType.TOPIC, topic.name);
    delta.topicDeleted(topic);
  }
  for (const { id, name, partitions } of target.topics.values()) {
    if (topics.byId(id) === null) {
      topics.add(name, id);
      delta.topicCreated(id);
    }
    for (const [index, registration] of partitions.entries()) {
      const before = topics.partition(id, index);
      if (before !== null && isAlike(before, registration)) continue;
      topics.setPartition(id, index, registration);
      delta.partitionChanged(id, index);
    }
  }
}

function replaceConfigs(image: MetadataImage, target: MetadataImage, delta: MetadataDelta): void {
  const { configs } = image;
  for (const resource of [...configs.resources()]) {
    const { type, name } = resource;
    for (const key of [...resource.configs.keys()]) {
      if (target.configs.get(type, name, key) !== null) continue;
      configs.set(type, name, key, null);
      delta.configChanged({ type, name }, key);
    }
  }
  for (const { type, name, configs: wanted } of target.configs.resources()) {
    for (const [key, value] of wanted) {
      if (configs.get(type, name, key) === value) continue;
      configs.set(type, name, key, value);
      delta.configChanged({ type, name }, key);
    }
  }
}

function replaceClientQuotas(
  image: MetadataImage,
  target: MetadataImage,
  delta: MetadataDelta,
): void {
  const { clientQuotas } = image;
  for (const { entity, limits } of [...clientQuotas.values()]) {
    const wanted = target.clientQuotas.of(entity);
    for (const name of [...limits.keys()]) {
      if (wanted.has(name)) continue;
      clientQuotas.set(entity, name, null);
      delta.clientQuotaChanged(entity);
    }
  }
  for (const { entity, limits } of target.clientQuotas.values()) {
    for (const [name, value] of limits) {
      if (clientQuotas.of(entity).get(name) === value) continue;
      clientQuotas.set(entity, name, value);
      delta.clientQuotaChanged(entity);
    }
  }
}

function replaceSecurity(image: MetadataImage, target: MetadataImage, delta: MetadataDelta): void {
  const { security } = image;
  const wanted = target.security;
  for (const { mechanism, name } of [...security.scramCredentials()]) {
    if (wanted.scramCredential(mechanism, name) !== null) continue;
    security.removeScramCredential(mechanism, name);
    delta.changedScram = true;
  }
  for (const credential of wanted.scramCredentials()) {
    const before = security.scramCredential(credential.mechanism, credential.name);
    if (before !== null && isAlike(before, credential)) continue;
    security.setScramCredential(credential);
    delta.changedScram = true;
  }
  const acls = replaceMap(security.acls, wanted.acls, isAlike);
  const tokens = replaceMap(security.delegationTokens, wanted.delegationTokens, isAlike);
  delta.changedAcls = acls.length > 0;
  delta.changedDelegationTokens = tokens.length > 0;
}

/** The keys of what is new, changed or gone. */
function replaceMap<K, V>(map: Map<K, V>, target: Map<K, V>, same: (a: V, b: V) => boolean): K[] {
  const changed: K[] = [];
  for (const key of [...map.keys()]) {
    if (target.has(key)) continue;
    map.delete(key);
    changed.push(key);
  }
  for (const [key, value] of target) {
    const before = map.get(key);
    if (before !== undefined && same(before, value)) continue;
    map.set(key, value);
    changed.push(key);
  }
  return changed;
}

function isSame<V>(a: V, b: V): boolean {
  return a === b;
}

/** Plain data: what looks the same is. */
function isAlike(a: object, b: object): boolean {
  return isDeepStrictEqual(a, b);
}
