/**
 * Logs that no partition of this node has: their topic was deleted while the node was down, or just
 * before it crashed. They are set aside, under names that end in "-stray", before anything is
 * served: a new topic of the same name must not come to old records. As in Kafka they are kept, for
 * whoever wants to look.
 */
import type { Log } from "../log/log.ts";
import type { LogManager } from "../log/log-manager.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { TopicImage } from "../metadata/topics-image.ts";

/** After the logs were loaded, before partitions are made of them. */
export function setStraysAside(logs: LogManager, image: MetadataImage, nodeId: number): void {
  // A stop in order leaves no topic half deleted: one of its logs speaks for all.
  const wasCleanlyStopped = logs.previousBrokerEpoch !== -1;
  removeStrayCopies(logs, image, nodeId);
  for (const [name, own] of Map.groupBy(logs.all(), ({ topic }) => topic)) {
    const topic = image.topics.byName(name);
    const isSure = topic !== null && wasCleanlyStopped && belongs(own[0]!, topic);
    for (const log of own) {
      const isWanted = topic !== null && isReplica(log, topic, nodeId);
      if (log.failure !== null || (isWanted && (isSure || belongs(log, topic)))) continue;
      logs.setAside(name, log.partition);
    }
  }
}

/** A copy on its way, of a log that is not there: it is no more than that. */
function removeStrayCopies(logs: LogManager, image: MetadataImage, nodeId: number): void {
  for (const future of logs.futures()) {
    const topic = image.topics.byName(future.topic);
    const isWanted = topic !== null && isReplica(future, topic, nodeId);
    if (future.failure !== null || (isWanted && belongs(future, topic))) continue;
    logs.removeFuture(future.topic, future.partition);
  }
}

function isReplica(log: Log, topic: TopicImage, nodeId: number): boolean {
  return topic.partitions[log.partition]?.replicas.includes(nodeId) === true;
}

/** One whose partition.metadata is torn or gone gets it back where its name says enough. */
function belongs(log: Log, topic: TopicImage): boolean {
  if (log.failure !== null || (log.topicId === null && mayBeOlder(log, topic))) return false;
  return log.assignTopicId(topic.id);
}

/**
 * Of a topic that had the name before: its id went with the power. Kafka takes every log without
 * an id for such a one; here the only replica there is keeps what it has.
 */
function mayBeOlder(log: Log, topic: TopicImage): boolean {
  const { replicas, leaderEpoch } = topic.partitions[log.partition]!;
  return log.logEndOffset > 0 && (replicas.length > 1 || log.latestEpoch > leaderEpoch);
}
