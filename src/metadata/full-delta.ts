/** An image as a change from nothing: for whoever begins to follow it. */
import { MetadataDelta } from "./delta.ts";
import type { MetadataImage } from "./image.ts";

export function deltaOfAll(image: MetadataImage): MetadataDelta {
  const delta = new MetadataDelta();
  for (const topic of image.topics.values()) {
    delta.topicCreated(topic.id);
    delta.changedPartitions.set(topic.id, new Set(topic.partitions.keys()));
  }
  for (const { type, name, configs } of image.configs.resources()) {
    for (const key of configs.keys()) delta.configChanged({ type, name }, key);
  }
  for (const id of image.cluster.brokers.keys()) delta.changedBrokers.add(id);
  for (const id of image.cluster.controllers.keys()) delta.changedControllers.add(id);
  for (const name of image.features.keys()) delta.changedFeatures.add(name);
  for (const { entity } of image.clientQuotas.values()) delta.clientQuotaChanged(entity);
  delta.changedProducerIds = true;
  delta.changedScram = true;
  delta.changedAcls = true;
  delta.changedDelegationTokens = true;
  return delta;
}
