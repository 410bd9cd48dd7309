/** The requests of a follower, put together from what its session names. */
import { fetch } from "../../protocol/messages/01-fetch.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type { FetchedPartition } from "./fetched-partition.ts";
import type { Replica } from "./replica.ts";
import type { SessionRequest } from "./replica-session.ts";

export type FetchRequest = Input<typeof fetch.request>;
export type FetchResponse = Value<typeof fetch.response>;
export type FetchAnswer = FetchResponse["responses"][number]["partitions"][number];
export type ListOffsetsRequest = Input<typeof listOffsets.request>;

/** How much a follower asks for. */
export interface FetchLimits {
  /** replica.fetch.wait.max.ms */
  readonly maxWaitMs: number;
  /** replica.fetch.min.bytes */
  readonly minBytes: number;
  /** replica.fetch.response.max.bytes */
  readonly responseBytesMax: number;
  /** replica.fetch.max.bytes */
  readonly partitionBytesMax: number;
}

/** KIP-903: from here on a follower says which of its incarnations it is. */
const REPLICA_STATE_VERSION = 15;

export interface Follower {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

export function fetchRequest(
  { sessionId, sessionEpoch, named, forgotten }: SessionRequest,
  { brokerId, brokerEpoch }: Follower,
  limits: FetchLimits,
  version: number,
): FetchRequest {
  const who =
    version < REPLICA_STATE_VERSION
      ? { replicaId: brokerId }
      : { replicaState: { replicaId: brokerId, replicaEpoch: brokerEpoch } };
  return {
    ...who,
    maxWaitMs: limits.maxWaitMs,
    minBytes: limits.minBytes,
    maxBytes: limits.responseBytesMax,
    sessionId,
    sessionEpoch,
    topics: byTopic(named, ({ replica, asked }) => ({
      partition: replica.index,
      currentLeaderEpoch: asked.leaderEpoch,
      fetchOffset: asked.fetchOffset,
      lastFetchedEpoch: asked.lastFetchedEpoch,
      logStartOffset: asked.logStartOffset,
      partitionMaxBytes: limits.partitionBytesMax,
    })),
    forgottenTopicsData: byTopic(forgotten, ({ replica }) => replica.index),
  };
}

/** Where the leader's logs of these partitions begin or end. */
export function offsetsRequest(
  partitions: readonly FetchedPartition[],
  timestamp: number,
  brokerId: number,
): ListOffsetsRequest {
  return {
    replicaId: brokerId,
    topics: byTopic(partitions, ({ replica, leaderEpoch }) => ({
      partitionIndex: replica.index,
      currentLeaderEpoch: leaderEpoch,
      timestamp,
    })).map(({ topic, partitions }) => ({ name: topic, partitions })),
  };
}

function byTopic<P extends { readonly replica: Replica }, T>(
  partitions: readonly P[],
  entry: (partition: P) => T,
): { topic: string; topicId: string; partitions: T[] }[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: T[] }>();
  for (const partition of partitions) {
    const { topic, topicId } = partition.replica;
    let known = topics.get(topicId);
    if (known === undefined) topics.set(topicId, (known = { topic, topicId, partitions: [] }));
    known.partitions.push(entry(partition));
  }
  return [...topics.values()];
}
