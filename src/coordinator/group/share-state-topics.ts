/**
 * Which partitions the share coordinator keeps a state of for a share group:
 *
 *   (none) ─▶ initializing ─▶ initialized ─▶ deleting ─▶ (none)
 *             a member reads   may be        an administrator
 *             the topic        assigned      deletes them
 *
 * A record holds all three; these functions make the next of it.
 */
import { ascending, type TopicPartitions } from "./assignor.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface StateTopic {
  readonly name: string;
  /** Ascending. */
  readonly partitions: readonly number[];
  /** When the record was applied: after so long, an initialisation is tried again. */
  readonly timestampMs: number;
}

/** By topic id. */
export type StateTopicMap = ReadonlyMap<string, StateTopic>;

export interface StateTopics {
  readonly initializing: StateTopicMap;
  readonly initialized: StateTopicMap;
  /** Topic ids. */
  readonly deleting: ReadonlySet<string>;
}

export const NO_STATE_TOPICS: StateTopics = {
  initializing: new Map(),
  initialized: new Map(),
  deleting: new Set(),
};

/** Partitions of topics that are gone have a name all the same. */
export const UNKNOWN_TOPIC = "<UNKNOWN>";

/** Both together; of a topic that is in both, the second says the rest. */
function combined(first: StateTopicMap, second: StateTopicMap): StateTopicMap {
  const topics = new Map(first);
  for (const [topicId, topic] of second) {
    const known = topics.get(topicId)?.partitions ?? [];
    const partitions = [...known, ...topic.partitions];
    topics.set(topicId, { ...topic, partitions: ascending(partitions) });
  }
  return topics;
}

/** What is not in `taken`; topics of which nothing is left go. */
function without(topics: StateTopicMap, taken: TopicPartitions): StateTopicMap {
  const left = new Map<string, StateTopic>();
  for (const [topicId, topic] of topics) {
    const gone = new Set(taken.get(topicId));
    const partitions = topic.partitions.filter((partition) => !gone.has(partition));
    if (partitions.length > 0) left.set(topicId, { ...topic, partitions });
  }
  return left;
}

/** What members read of which no state is kept yet, nor was lately begun. */
export function uninitializedTopics(
  { initializing, initialized }: StateTopics,
  topicNames: Iterable<string>,
  topics: TopicDirectory,
  retryBeforeMs: number,
): StateTopicMap {
  const fresh = [...initializing].filter(([, { timestampMs }]) => timestampMs > retryBeforeMs);
  const known = combined(initialized, new Map(fresh));
  const wanted = new Map<string, StateTopic>();
  for (const name of topicNames) {
    const topicId = topics.idOf(name);
    const count = topics.partitionCountOf(name);
    if (topicId === null || count === null) continue;
    const partitions = known.get(topicId)?.partitions ?? [];
    if (partitions.length >= count) continue;
    const all = { name, partitions: range(count), timestampMs: 0 };
    const missing = without(new Map([[topicId, all]]), new Map([[topicId, partitions]]));
    for (const [id, topic] of missing) wanted.set(id, topic);
  }
  return wanted;
}

/** What begins to be initialised is not deleted any more. */
export function withInitializing(state: StateTopics, added: StateTopicMap): StateTopics {
  const initializing = combined(state.initializing, added);
  const deleting = [...state.deleting].filter((topicId) => !initializing.has(topicId));
  return { ...state, initializing, deleting: new Set(deleting) };
}

export function withInitialized(
  state: StateTopics,
  done: TopicPartitions,
  topics: TopicDirectory,
): StateTopics {
  const named = [...done].map(([topicId, partitions]): [string, StateTopic] => {
    const name = topics.nameOf(topicId) ?? UNKNOWN_TOPIC;
    return [topicId, { name, partitions, timestampMs: 0 }];
  });
  return {
    ...state,
    initializing: without(state.initializing, done),
    initialized: combined(state.initialized, new Map(named)),
  };
}

export function withoutInitializing(state: StateTopics, failed: TopicPartitions): StateTopics {
  return { ...state, initializing: without(state.initializing, failed) };
}

/** The state as it is when the topics are no more; null where it has none of them. */
export function withoutTopics(
  state: StateTopics,
  topicIds: ReadonlySet<string>,
): StateTopics | null {
  const { initializing, initialized, deleting } = state;
  const known = [...initializing.keys(), ...initialized.keys(), ...deleting];
  if (!known.some((topicId) => topicIds.has(topicId))) return null;
  const isLeft = ([topicId]: readonly [string, ...unknown[]]) => !topicIds.has(topicId);
  return {
    initializing: new Map([...initializing].filter(isLeft)),
    initialized: new Map([...initialized].filter(isLeft)),
    deleting: new Set([...deleting].filter((topicId) => !topicIds.has(topicId))),
  };
}

/** All that is to be deleted with the group, or still is from an earlier attempt. */
export function deletableTopics(
  { initializing, initialized, deleting }: StateTopics,
  topics: TopicDirectory,
): StateTopicMap {
  const earlier = [...deleting].flatMap((topicId): [string, StateTopic][] => {
    const topic = wholeTopic(topicId, topics);
    return topic === null ? [] : [[topicId, topic]];
  });
  return combined(combined(initialized, initializing), new Map(earlier));
}

/** Null where the topic is gone. */
export function wholeTopic(topicId: string, topics: TopicDirectory): StateTopic | null {
  const name = topics.nameOf(topicId);
  if (name === null) return null;
  return { name, partitions: range(topics.partitionCountOf(name) ?? 0), timestampMs: 0 };
}

export function partitionsOf(topics: StateTopicMap): TopicPartitions {
  return new Map([...topics].map(([topicId, { partitions }]) => [topicId, partitions]));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, partition) => partition);
}
