/** Streams groups as StreamsGroupDescribe shows them. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { StreamsDescribedGroup } from "./group-messages.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import type { StreamsMember, TasksOf } from "./streams-member.ts";
import type { ConfiguredSubtopology } from "./streams-topics.ts";
import type { InternalTopic, Subtopology } from "./streams-topology.ts";

type DescribedTopology = NonNullable<StreamsDescribedGroup["topology"]>;
type DescribedSubtopology = NonNullable<DescribedTopology["subtopologies"]>[number];
type DescribedMember = StreamsDescribedGroup["members"][number];
type DescribedTasks = DescribedMember["assignment"];

export function describeStreamsGroup(
  groups: StreamsGroups,
  groupId: string,
): StreamsDescribedGroup {
  const group = groups.get(groupId);
  if (group === undefined) {
    const errorMessage = groups.absence(groupId);
    return { ...undescribedStreams(groupId, ErrorCode.GROUP_ID_NOT_FOUND), errorMessage };
  }
  return {
    ...undescribedStreams(groupId, ErrorCode.NONE),
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    topology: describeTopology(group),
    members: [...group.members.values()].map((member) => describeMember(group, member)),
  };
}

export function undescribedStreams(groupId: string, errorCode: ErrorCode): StreamsDescribedGroup {
  return {
    errorCode,
    errorMessage: null,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    topology: null,
    members: [],
  };
}

/** With the numbers of partitions that were found, where all of them were. */
function describeTopology({
  configuredTopology,
  topology,
}: StreamsGroup): StreamsDescribedGroup["topology"] {
  if (configuredTopology?.problem === null && configuredTopology.subtopologies !== null) {
    const { epoch, subtopologies } = configuredTopology;
    return { epoch, subtopologies: describeSubtopologies(subtopologies) };
  }
  if (topology === null) return null;
  const { epoch, subtopologies } = topology;
  return { epoch, subtopologies: describeSubtopologies(subtopologies) };
}

function describeSubtopologies(
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology | Subtopology>,
): DescribedSubtopology[] {
  return sorted(subtopologies.keys()).map((subtopologyId) => {
    const subtopology = subtopologies.get(subtopologyId)!;
    return {
      subtopologyId,
      sourceTopics: sorted(subtopology.sourceTopics),
      repartitionSinkTopics: sorted(subtopology.repartitionSinkTopics),
      repartitionSourceTopics: sortedTopics(subtopology.repartitionSourceTopics),
      stateChangelogTopics: sortedTopics(subtopology.stateChangelogTopics),
    };
  });
}

function describeMember(group: StreamsGroup, member: StreamsMember): DescribedMember {
  return {
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.userEndpoint,
    clientTags: [...member.clientTags].map(([key, value]) => ({ key, value })),
    taskOffsets: [],
    taskEndOffsets: [],
    assignment: describeTasks(member.assignedTasks, numbersOf),
    targetAssignment: describeTasks(group.targetOf(member.memberId), (numbers) => numbers),
    isClassic: false,
  };
}

function describeTasks<T>(
  tasks: TasksOf<ReadonlyMap<string, T>>,
  numbersIn: (held: T) => Iterable<number>,
): DescribedTasks {
  const of = (bySubtopology: ReadonlyMap<string, T>) =>
    sorted(bySubtopology.keys()).map((subtopologyId) => {
      const partitions = [...numbersIn(bySubtopology.get(subtopologyId)!)];
      return { subtopologyId, partitions: partitions.sort((one, other) => one - other) };
    });
  const { active, standby, warmup } = tasks;
  return { activeTasks: of(active), standbyTasks: of(standby), warmupTasks: of(warmup) };
}

function numbersOf(epochs: ReadonlyMap<number, number>): Iterable<number> {
  return epochs.keys();
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort();
}

function sortedTopics(topics: readonly InternalTopic[]): InternalTopic[] {
  return [...topics].sort(({ name: one }, { name: other }) => (one < other ? -1 : 1));
}
