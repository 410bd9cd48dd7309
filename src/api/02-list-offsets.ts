/**
 * ListOffsets: v1-11.
 *
 * - From a time to the first record that is not older, or one of the special ones: where the log
 *   begins and ends, and its greatest timestamp. Nothing found is -1, and no error.
 * - Consumers see what is committed; followers see everything.
 *
 * Versions: v2 isolation level; v4 leader epochs (KIP-320); v5 OFFSET_NOT_AVAILABLE (KIP-207);
 * v7 greatest timestamp (KIP-734); v8, v9 and v11 ends of what lies in this broker and in tiered
 * storage (KIP-405, KIP-1005, KIP-1023).
 */
import type { Broker } from "../broker/broker.ts";
import { findPartition } from "../broker/find-partition.ts";
import {
  isKnownTimestamp,
  listOffset,
  nothing,
  type OffsetAnswer,
} from "../broker/list-offsets.ts";
import { Slices } from "../base/slices.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { listOffsets } from "../protocol/messages/02-list-offsets.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type ListOffsetsRequest = Value<typeof listOffsets.request>;
type PartitionQuery = ListOffsetsRequest["topics"][number]["partitions"][number];
type TopicAnswer = Input<typeof listOffsets.response>["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

const ISOLATION_LEVEL_MAX = 1;
/** Partitions of one request that are searched at once: each search has memory of its own. */
const SEARCHES_MAX = 8;

export const listOffsetsHandler = handler(listOffsets, async (request, context, broker) => {
  const version = context.apiVersion;
  const slices = new Slices(broker.world.clock);
  const topics = [...(await partitionsByTopic(request, slices))].map(([name, byIndex]) => ({
    name,
    queries: byIndex,
    partitions: [] as PartitionAnswer[],
  }));
  const searches = searchesOf(topics);
  const search = async () => {
    for (const { name, partitions, index, partitionIndex, queries } of searches) {
      const found = await answer(name, queries, request, version, broker);
      partitions[index] = { partitionIndex, ...inVersion(found, version) };
      if (slices.isOver) await slices.next();
    }
  };
  const count = topics.reduce((sum, { queries }) => sum + queries.size, 0);
  await Promise.all(Array.from({ length: Math.min(SEARCHES_MAX, count) }, search));
  return { topics };
});

interface TopicSearch {
  readonly name: string;
  readonly queries: ReadonlyMap<number, readonly PartitionQuery[]>;
  readonly partitions: PartitionAnswer[];
}

/** Whoever searches takes the next. */
function* searchesOf(topics: readonly TopicSearch[]) {
  for (const { name, partitions, queries: byIndex } of topics) {
    let index = 0;
    for (const [partitionIndex, queries] of byIndex) {
      yield { name, partitions, index: index++, partitionIndex, queries };
    }
  }
}

/** A topic that is named twice is one topic; a partition that is named twice is refused. */
async function partitionsByTopic(
  { topics }: ListOffsetsRequest,
  slices: Slices,
): Promise<Map<string, Map<number, PartitionQuery[]>>> {
  const byTopic = new Map<string, Map<number, PartitionQuery[]>>();
  for (const { name, partitions } of topics) {
    if (partitions.length === 0) continue;
    const byIndex = byTopic.get(name) ?? new Map<number, PartitionQuery[]>();
    byTopic.set(name, byIndex);
    await slices.map(partitions, (query) => {
      const queries = byIndex.get(query.partitionIndex);
      if (queries === undefined) byIndex.set(query.partitionIndex, [query]);
      else queries.push(query);
    });
  }
  return byTopic;
}

async function answer(
  topic: string,
  [query, ...others]: readonly PartitionQuery[],
  { replicaId, isolationLevel }: ListOffsetsRequest,
  version: number,
  broker: Broker,
): Promise<OffsetAnswer> {
  const { partitionIndex, timestamp, currentLeaderEpoch } = query!;
  if (isolationLevel < 0 || isolationLevel > ISOLATION_LEVEL_MAX) {
    return nothing(ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  if (others.length > 0) return nothing(ErrorCode.INVALID_REQUEST);
  if (!isKnownTimestamp(timestamp, version)) return nothing(ErrorCode.UNSUPPORTED_VERSION);
  const partition = findPartition(broker, topic, partitionIndex);
  if (typeof partition === "number") return nothing(partition);
  return listOffset(partition, { timestamp, currentLeaderEpoch, replicaId, isolationLevel });
}

function inVersion(found: OffsetAnswer, version: number): OffsetAnswer {
  const { errorCode, timestamp, offset, leaderEpoch } = found;
  return {
    timestamp,
    offset,
    // Not encoded before, and so it may have no value then.
    leaderEpoch: version >= 4 ? leaderEpoch : -1,
    errorCode:
      errorCode === ErrorCode.OFFSET_NOT_AVAILABLE && version < 5
        ? ErrorCode.LEADER_NOT_AVAILABLE
        : errorCode,
  };
}
