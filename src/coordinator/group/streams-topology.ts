/**
 * The topology of an application of Kafka Streams, as its members tell it and as its record has it:
 *
 *   source topics ──▶ subtopology ──▶ repartition topics ──▶ subtopology ──▶ ...
 *                          │                                      │
 *                     changelog topics of its state stores      ...
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Value } from "../../protocol/schema.ts";
import type { streamsGroupTopologyValue } from "../../protocol/records/streams-group.ts";
import type { StreamsHeartbeatRequest } from "./group-messages.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";

export type TopologyValue = Value<typeof streamsGroupTopologyValue>;
export type Subtopology = TopologyValue["subtopologies"][number];
export type InternalTopic = Subtopology["stateChangelogTopics"][number];

export interface StreamsTopology {
  readonly epoch: number;
  /** By id, as Kafka would walk them. */
  readonly subtopologies: ReadonlyMap<string, Subtopology>;
  /** The subtopology that reads a topic. */
  readonly readers: ReadonlyMap<string, Subtopology>;
  /** All topics that must be there before anybody gets a task. */
  readonly requiredTopics: ReadonlySet<string>;
  /** As it came, for its record. */
  readonly value: TopologyValue;
}

/** Of a request: fields that a client may have made up. */
export function topologyOf(
  topology: NonNullable<StreamsHeartbeatRequest["topology"]>,
): StreamsTopology | GroupRefusal {
  const ids = new Set(topology.subtopologies.map(({ subtopologyId }) => subtopologyId));
  const isWhole = ids.size === topology.subtopologies.length && topology.epoch >= 0;
  if (!isWhole) return new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  return recordedTopology(topology);
}

export function recordedTopology(value: TopologyValue): StreamsTopology {
  const byId = new Map(value.subtopologies.map((each) => [each.subtopologyId, each]));
  const subtopologies = new Map<string, Subtopology>();
  for (const id of stringsInJavaOrder([...byId.keys()], grownCapacity(byId.size))) {
    subtopologies.set(id, byId.get(id)!);
  }
  const readers = new Map<string, Subtopology>();
  const requiredTopics = new Set<string>();
  for (const subtopology of subtopologies.values()) {
    for (const name of sourcesOf(subtopology)) {
      readers.set(name, subtopology);
      requiredTopics.add(name);
    }
    for (const { name } of subtopology.stateChangelogTopics) requiredTopics.add(name);
  }
  return { epoch: value.epoch, subtopologies, readers, requiredTopics, value };
}

/** The largest of numbers that a client may have made as many of as it liked; 0 of none. */
export function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, each) => Math.max(most, each), 0);
}

/** All topics that a subtopology reads. */
export function sourcesOf({ sourceTopics, repartitionSourceTopics }: Subtopology): string[] {
  return [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)];
}

export function sameTopology(one: StreamsTopology, other: StreamsTopology): boolean {
  if (one.epoch !== other.epoch || one.subtopologies.size !== other.subtopologies.size) {
    return false;
  }
  return [...one.subtopologies].every(([id, subtopology]) => {
    const same = other.subtopologies.get(id);
    return same !== undefined && textOf(same) === textOf(subtopology);
  });
}

/** The same text exactly where all fields are the same, in whichever order they stand. */
function textOf(subtopology: Subtopology): string {
  const topics = (list: readonly InternalTopic[]) =>
    list.map(({ name, partitions, replicationFactor, topicConfigs }) => [
      name,
      partitions,
      replicationFactor,
      topicConfigs.map(({ key, value }) => [key, value]),
    ]);
  return JSON.stringify([
    subtopology.subtopologyId,
    subtopology.sourceTopics,
    subtopology.sourceTopicRegex,
    topics(subtopology.stateChangelogTopics),
    subtopology.repartitionSinkTopics,
    topics(subtopology.repartitionSourceTopics),
    subtopology.copartitionGroups.map((group) => [
      group.sourceTopics,
      group.sourceTopicRegex,
      group.repartitionSourceTopics,
    ]),
  ]);
}
