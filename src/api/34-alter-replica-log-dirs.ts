/**
 * AlterReplicaLogDirs: v1-2 (KIP-113).
 *
 * - Moves replicas to another log directory of this node, behind the answer. DescribeLogDirs shows
 *   them as future ones until then.
 * - Of a partition that is not there yet the directory is remembered, for when it comes.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { alterReplicaLogDirs } from "../protocol/messages/34-alter-replica-log-dirs.ts";
import { handler } from "./handler.ts";

export const alterReplicaLogDirsHandler = handler(alterReplicaLogDirs, (request, _, broker) => {
  // Of a partition that is named more than once, the last counts.
  const paths = new Map<string, Map<number, string>>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const ofTopic = paths.get(name) ?? new Map<number, string>();
      paths.set(name, ofTopic);
      for (const partitionIndex of partitions) ofTopic.set(partitionIndex, path);
    }
  }
  const results = [...paths].map(([topicName, ofTopic]) => ({
    topicName,
    partitions: [...ofTopic].map(([partitionIndex, path]) => ({
      partitionIndex,
      errorCode:
        partitionIndex < 0
          ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          : broker.logDirMoves.alter(topicName, partitionIndex, path),
    })),
  }));
  return { results: results.filter(({ partitions }) => partitions.length > 0) };
});
