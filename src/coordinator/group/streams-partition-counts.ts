/**
 * How many partitions the internal topics of a topology have:
 *
 *   repartition topic   what the topology says; else the most that the subtopology reads which
 *                       writes it; where it is joined, as many as what it is joined with
 *   changelog topic     as many as its subtopology has tasks
 *
 * A topic that exists already has what it has.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { largest, sourcesOf, type StreamsTopology, type Subtopology } from "./streams-topology.ts";
import { type StreamsProblem, StreamsStatus } from "./streams-status.ts";

type Counts = Map<string, number>;
/** Null where nothing is known of the topic. */
type CountOf = (topicName: string) => number | null;

/** All source topics exist. */
export function decidePartitionCounts(
  topology: StreamsTopology,
  existing: CountOf,
): Counts | StreamsProblem | GroupRefusal {
  const subtopologies = [...topology.subtopologies.values()];
  const groups = copartitionGroups(subtopologies);
  if (groups === null) return new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  const counts = repartitionCounts(subtopologies, existing);
  if (counts instanceof GroupRefusal) return counts;
  const countOf: CountOf = (name) => existing(name) ?? counts.get(name) ?? null;
  const isFixed = fixedTopics(subtopologies);
  for (const group of groups) {
    const problem = enforceCopartitioning(group, isFixed, countOf, counts);
    if (problem !== null) return problem;
  }
  for (const subtopology of subtopologies) {
    const sources = sourcesOf(subtopology);
    if (sources.length === 0) {
      return invalid(`No source topics found for subtopology ${subtopology.subtopologyId}`);
    }
    const max = largest(sources.map((name) => countOf(name) ?? 0));
    for (const { name } of subtopology.stateChangelogTopics) counts.set(name, max);
  }
  return counts;
}

/** Topics that are read together, by name; null where a number names none. */
function copartitionGroups(subtopologies: readonly Subtopology[]): Set<string>[] | null {
  const groups: Set<string>[] = [];
  for (const subtopology of subtopologies) {
    for (const { sourceTopics, repartitionSourceTopics } of subtopology.copartitionGroups) {
      const names = [
        ...sourceTopics.map((index) => subtopology.sourceTopics[index]),
        ...repartitionSourceTopics.map((index) => subtopology.repartitionSourceTopics[index]?.name),
      ];
      const known = names.filter((name) => name !== undefined);
      if (known.length < names.length) return null;
      groups.push(new Set(known));
    }
  }
  return groups;
}

/** By name: whether the topology itself says how many partitions a repartition topic has. */
function fixedTopics(subtopologies: readonly Subtopology[]): ReadonlyMap<string, boolean> {
  const isFixed = new Map<string, boolean>();
  for (const { name, partitions } of subtopologies.flatMap(
    (each) => each.repartitionSourceTopics,
  )) {
    if (partitions !== 0 || !isFixed.has(name)) isFixed.set(name, partitions !== 0);
  }
  return isFixed;
}

function repartitionCounts(
  subtopologies: readonly Subtopology[],
  existing: CountOf,
): Counts | GroupRefusal {
  const counts: Counts = new Map();
  for (const { repartitionSourceTopics } of subtopologies) {
    for (const { name, partitions } of repartitionSourceTopics) {
      if (partitions !== 0) counts.set(name, partitions);
    }
  }
  for (let isMissing = true; isMissing;) {
    isMissing = false;
    let hasFound = false;
    for (const subtopology of subtopologies) {
      for (const name of subtopology.repartitionSinkTopics) {
        if (counts.has(name)) continue;
        const count = mostRead(subtopology, counts, existing);
        if (count === null) isMissing = true;
        else {
          counts.set(name, count);
          hasFound = true;
        }
      }
    }
    if (isMissing && !hasFound) {
      return invalid(
        "Failed to compute number of partitions for all repartition topics. " +
          "There may be loops in the topology that cannot be resolved.",
      );
    }
  }
  const sources = subtopologies.flatMap((each) => each.repartitionSourceTopics);
  if (sources.every(({ name }) => counts.has(name))) return counts;
  return invalid(
    "Failed to compute number of partitions for all repartition topics, because " +
      "a repartition source topic is never used as a sink topic.",
  );
}

/** Of what the subtopology reads and is known; null where nothing is. */
function mostRead(
  { repartitionSourceTopics, sourceTopics }: Subtopology,
  counts: Counts,
  existing: CountOf,
): number | null {
  const known = [
    ...repartitionSourceTopics.map(({ name }) => counts.get(name) ?? null),
    ...sourceTopics.map((name) => existing(name)),
  ].filter((count) => count !== null);
  return known.length === 0 ? null : largest(known);
}

/** Repartition topics of the group get the number that all of it must have. */
function enforceCopartitioning(
  group: ReadonlySet<string>,
  isFixed: ReadonlyMap<string, boolean>,
  countOf: CountOf,
  counts: Counts,
): StreamsProblem | GroupRefusal | null {
  const entries = [...group].map((name) => [name, countOf(name) ?? 0] as const);
  const repartition = entries.filter(([name]) => isFixed.has(name));
  const others = entries.filter(([name]) => !isFixed.has(name));
  if (entries.length === 0) return null;
  const fixed = [...isFixed].filter(([, is]) => is).map(([name]) => countOf(name) ?? 0);
  let count: number;
  if (others.length > 0) {
    count = others[0]![1];
    if (others.some(([, other]) => other !== count)) return unlike(others);
  } else if (fixed.length > 0) {
    // As in Kafka all topics count here of which the topology says how many, in this group or not.
    count = fixed[0]!;
    if (fixed.some((other) => other !== count)) return unlike(repartition);
  } else {
    count = largest(repartition.map(([, each]) => each));
    if (count === 0) {
      const names = repartition.map(([name]) => name).join(", ");
      return invalid(
        `All topics in the copartition group had undefined partition number: [${names}]`,
      );
    }
  }
  for (const [name, own] of repartition) {
    if (isFixed.get(name) === true && own !== count) {
      return incorrect(
        `Number of partitions [${own}] of repartition topic [${name}] ` +
          `doesn't match number of partitions [${count}] of the source topic.`,
      );
    }
    counts.set(name, count);
  }
  return null;
}

function unlike(entries: readonly (readonly [string, number])[]): StreamsProblem {
  const sorted = [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = sorted.map(([name, count]) => `${name}=${count}`).join(", ");
  return incorrect(`Following topics do not have the same number of partitions: [{${text}}]`);
}

function incorrect(statusDetail: string): StreamsProblem {
  return { statusCode: StreamsStatus.INCORRECTLY_PARTITIONED_TOPICS, statusDetail };
}

function invalid(message: string): GroupRefusal {
  return new GroupRefusal(ErrorCode.STREAMS_INVALID_TOPOLOGY, message);
}
