/**
 * OffsetForLeaderEpoch: v2-4 (KIP-101, KIP-320).
 *
 * - Where the records of a leader epoch, or of the last one before it, end in the leader's log: a
 *   consumer or a follower that has read further must go back.
 *
 * Versions: v3 replica id.
 */
import type { Broker } from "../broker/broker.ts";
import { findPartition } from "../broker/find-partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { offsetForLeaderEpoch } from "../protocol/messages/23-offset-for-leader-epoch.ts";
import type { Value } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type Query = Value<typeof offsetForLeaderEpoch.request>["topics"][number]["partitions"][number];

export const offsetForLeaderEpochHandler = handler(
  offsetForLeaderEpoch,
  (request, _context, broker) => {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((query) => ({
        partition: query.partition,
        ...endOf(topic, query, broker),
      })),
    }));
    return { topics };
  },
);

function endOf(topic: string, query: Query, broker: Broker) {
  const partition = findPartition(broker, topic, query.partition);
  if (typeof partition === "number") return { errorCode: partition };
  const errorCode = partition.leaderError(query.currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE) return { errorCode };
  const { epoch, endOffset } = partition.log.endOffsetFor(query.leaderEpoch);
  return { errorCode, leaderEpoch: epoch, endOffset };
}
