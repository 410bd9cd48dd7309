/**
 * The topics of a streams group, as the metadata has them and as its topology wants them: how many
 * tasks each subtopology has, which internal topics are missing, and what is wrong with the rest.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import { topicNameError } from "../../metadata/topic-name.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";
import { decidePartitionCounts } from "./streams-partition-counts.ts";
import {
  type InternalTopic,
  largest,
  sourcesOf,
  type StreamsTopology,
  type Subtopology,
} from "./streams-topology.ts";
import { type StreamsProblem, StreamsStatus } from "./streams-status.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface ConfiguredTopology {
  readonly epoch: number;
  /** By id, sorted; null where it cannot be told how many tasks there are. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | null;
  readonly missingTopics: readonly NewInternalTopic[];
  /** Null: tasks can be given out. */
  readonly problem: StreamsProblem | null;
}

export interface ConfiguredSubtopology {
  readonly taskCount: number;
  readonly sourceTopics: readonly string[];
  readonly repartitionSinkTopics: readonly string[];
  /** As the topology has them, with the number of partitions that they get. */
  readonly repartitionSourceTopics: readonly InternalTopic[];
  readonly stateChangelogTopics: readonly InternalTopic[];
}

export interface NewInternalTopic {
  readonly name: string;
  readonly partitionCount: number;
  /** -1: as the broker has it. */
  readonly replicationFactor: number;
  readonly configs: readonly { readonly name: string; readonly value: string }[];
}

const USE_DEFAULT = -1;
const SHOWN_TOPIC_COUNT_MAX = 3;

/** Refused where the topology makes no sense whatever topics there are. */
export function configureTopology(
  topology: StreamsTopology,
  topics: TopicDirectory,
): ConfiguredTopology | GroupRefusal {
  const failed = (problem: StreamsProblem): ConfiguredTopology => ({
    epoch: topology.epoch,
    subtopologies: null,
    missingTopics: [],
    problem,
  });
  const missingSources = missingSourceTopics(topology, topics);
  if (missingSources.length > 0) {
    const detail = `Source topics ${summary(missingSources)} are missing.`;
    return failed({ statusCode: StreamsStatus.MISSING_SOURCE_TOPICS, statusDetail: detail });
  }
  const counts = decidePartitionCounts(topology, (name) => topics.partitionCountOf(name));
  if (counts instanceof GroupRefusal) return counts;
  if (!(counts instanceof Map)) return failed(counts);
  const subtopologies = new Map<string, ConfiguredSubtopology>();
  for (const id of [...topology.subtopologies.keys()].sort()) {
    const configured = configureSubtopology(topology.subtopologies.get(id)!, topics, counts);
    if (configured instanceof GroupRefusal) return configured;
    subtopologies.set(id, configured);
  }
  const wanted = wantedTopics(subtopologies);
  const wrong = wronglyPartitioned(wanted, topics);
  if (wrong !== null) return failed(wrong);
  const names = [...wanted.keys()].filter((name) => topics.idOf(name) === null);
  const missing = stringsInJavaOrder(names, grownCapacity(wanted.size));
  const statusDetail = `Internal topics are missing: ${summary(missing)}`;
  const problem = { statusCode: StreamsStatus.MISSING_INTERNAL_TOPICS, statusDetail };
  return {
    epoch: topology.epoch,
    subtopologies,
    missingTopics: missing.map((name) => newTopic(wanted.get(name)!)),
    problem: missing.length === 0 ? null : problem,
  };
}

function missingSourceTopics(topology: StreamsTopology, topics: TopicDirectory): string[] {
  const names = new Set<string>();
  for (const { sourceTopics } of topology.subtopologies.values()) {
    for (const name of sourceTopics) if (topics.idOf(name) === null) names.add(name);
  }
  return [...names].sort();
}

function configureSubtopology(
  subtopology: Subtopology,
  topics: TopicDirectory,
  counts: ReadonlyMap<string, number>,
): ConfiguredSubtopology | GroupRefusal {
  const { sourceTopics, repartitionSinkTopics } = subtopology;
  const sourceCounts = sourcesOf(subtopology).map(
    (name) => topics.partitionCountOf(name) ?? counts.get(name) ?? 0,
  );
  const taskCount = largest(sourceCounts);
  const repartitionSourceTopics = withCounts(subtopology.repartitionSourceTopics, counts);
  const stateChangelogTopics = withCounts(subtopology.stateChangelogTopics, counts);
  const all = [...repartitionSourceTopics, ...stateChangelogTopics];
  if (all.some(({ name }) => topicNameError(name) !== null)) {
    const bad = all.map(({ name }) => topicNameError(name)).find((error) => error !== null)!;
    return new GroupRefusal(ErrorCode.INVALID_TOPIC_EXCEPTION, bad);
  }
  const isSound =
    taskCount > 0 &&
    all.every(({ partitions, topicConfigs }) => partitions > 0 && areDistinct(topicConfigs)) &&
    hasDistinctNames(repartitionSourceTopics) &&
    hasDistinctNames(stateChangelogTopics);
  if (!isSound) return new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  return {
    taskCount,
    sourceTopics: [...new Set(sourceTopics)],
    repartitionSinkTopics: [...new Set(repartitionSinkTopics)],
    repartitionSourceTopics,
    stateChangelogTopics,
  };
}

function withCounts(
  topics: readonly InternalTopic[],
  counts: ReadonlyMap<string, number>,
): InternalTopic[] {
  return topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions === 0 ? (counts.get(topic.name) ?? 0) : topic.partitions,
  }));
}

function wantedTopics(
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
): Map<string, InternalTopic> {
  const wanted = new Map<string, InternalTopic>();
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies.values()) {
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) {
      wanted.set(topic.name, topic);
    }
  }
  return wanted;
}

function wronglyPartitioned(
  wanted: ReadonlyMap<string, InternalTopic>,
  topics: TopicDirectory,
): StreamsProblem | null {
  for (const { name, partitions } of wanted.values()) {
    const count = topics.partitionCountOf(name);
    if (count === null || count === partitions) continue;
    const statusDetail =
      `Existing topic ${name} has different number of partitions: expected ${partitions}, ` +
      `found ${count}`;
    return { statusCode: StreamsStatus.INCORRECTLY_PARTITIONED_TOPICS, statusDetail };
  }
  return null;
}

function newTopic({
  name,
  partitions,
  replicationFactor,
  topicConfigs,
}: InternalTopic): NewInternalTopic {
  return {
    name,
    partitionCount: partitions,
    replicationFactor: replicationFactor === 0 ? USE_DEFAULT : replicationFactor,
    configs: topicConfigs.map(({ key, value }) => ({ name: key, value })),
  };
}

function areDistinct(configs: InternalTopic["topicConfigs"]): boolean {
  return new Set(configs.map(({ key }) => key)).size === configs.length;
}

function hasDistinctNames(topics: readonly InternalTopic[]): boolean {
  return new Set(topics.map(({ name }) => name)).size === topics.length;
}

function summary(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_TOPIC_COUNT_MAX).join(", ");
  const more = names.length - SHOWN_TOPIC_COUNT_MAX;
  return more > 0 ? `${shown} and ${more} additional topics` : shown;
}
