/**
 * Logs that no partition of this node has: their topic was deleted while the node was down, or just
 * before it crashed. They are set aside, under names that end in "-stray", before anything is
 * served: a new topic of the same name must not come to old records.
 *
 * As in Kafka they are kept, for whoever wants to look. So is a log without a topic id, which has
 * no records either: its id is written before them.
 */
import type { Log } from "../log/log.ts";
import type { LogManager } from "../log/log-manager.ts";
import type { MetadataImage } from "../metadata/image.ts";

/** After the logs were loaded, before partitions are made of them. */
export function setStraysAside(logs: LogManager, image: MetadataImage, nodeId: number): void {
  for (const log of [...logs.all()]) {
    if (log.failure === null && isStray(log, image, nodeId)) {
      logs.setAside(log.topic, log.partition);
    }
  }
}

function isStray(log: Log, image: MetadataImage, nodeId: number): boolean {
  if (log.topicId === null) return true;
  const topic = image.topics.byId(log.topicId);
  if (topic?.name !== log.topic) return true;
  return topic.partitions[log.partition]?.replicas.includes(nodeId) !== true;
}
