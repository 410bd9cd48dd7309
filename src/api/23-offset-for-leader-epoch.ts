/**
 * OffsetForLeaderEpoch: v2-4 (KIP-101, KIP-320).
 *
 * - Where the records of a leader epoch, or of the last one before it, end in the leader's log: a
 *   consumer or a follower that has read further must go back.
 *
 * Versions: v3 replica id.
 */
import { Slices } from "../base/slices.ts";
import type { Broker } from "../broker/broker.ts";
import { findPartition } from "../broker/find-partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { offsetForLeaderEpoch } from "../protocol/messages/23-offset-for-leader-epoch.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type TopicAnswer = Input<typeof offsetForLeaderEpoch.response>["topics"][number];
type Query = Value<typeof offsetForLeaderEpoch.request>["topics"][number]["partitions"][number];

export const offsetForLeaderEpochHandler = handler(
  offsetForLeaderEpoch,
  async (request, _context, broker) => {
    const slices = new Slices(broker.world.clock);
    const topics: TopicAnswer[] = [];
    for (const { topic, partitions } of request.topics) {
      const ends = await slices.map(partitions, (query) => ({
        partition: query.partition,
        ...endOf(topic, query, broker),
      }));
      topics.push({ topic, partitions: ends });
    }
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
