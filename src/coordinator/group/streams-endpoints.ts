/**
 * Whom to ask for what the state of an application holds: the partitions behind the tasks of each
 * member that tells where it can be reached (interactive queries, KIP-535).
 */
import type { StreamsHeartbeatResponse } from "./group-messages.ts";
import { copiedCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { EpochPartitions } from "./consumer-member.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import type { ConfiguredTopology } from "./streams-topics.ts";
import type { TopicDirectory } from "./topic-directory.ts";

type Endpoints = NonNullable<StreamsHeartbeatResponse["partitionsByUserEndpoint"]>;
type PartitionList = Endpoints[number]["activePartitions"];

/** `updated` in the place of the member that the group has, and last. */
export function partitionsByEndpoint(
  group: StreamsGroup,
  updated: StreamsMember,
  topology: ConfiguredTopology,
  topics: TopicDirectory,
): Endpoints {
  const others = [...group.members.values()].filter(
    ({ memberId }) => memberId !== updated.memberId,
  );
  return [...others, updated].flatMap(({ userEndpoint, assignedTasks }) => {
    if (userEndpoint === null) return [];
    const { active, standby } = assignedTasks;
    return [
      {
        userEndpoint: { ...userEndpoint },
        activePartitions: partitionsOf(active, topology, topics),
        standbyPartitions: partitionsOf(standby, topology, topics),
      },
    ];
  });
}

function partitionsOf(
  tasks: EpochPartitions,
  { subtopologies }: ConfiguredTopology,
  topics: TopicDirectory,
): PartitionList {
  return [...tasks].flatMap(([subtopologyId, epochs]) => {
    const subtopology = subtopologies?.get(subtopologyId);
    if (subtopology === undefined) return [];
    const { sourceTopics, repartitionSourceTopics } = subtopology;
    const names = new Set([...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)]);
    const numbers = [...epochs.keys()].sort((one, other) => one - other);
    return stringsInJavaOrder([...names], copiedCapacity(names.size)).map((topic) => {
      // As in Kafka: a topic with fewer partitions than there are tasks here has only the first.
      const count = topics.partitionCountOf(topic) ?? 0;
      return { topic, partitions: numbers.slice(0, count) };
    });
  });
}
