/** What the scenarios of streams groups (KIP-1071) share. */
import { streamsGroupHeartbeat } from "../../../src/protocol/messages/88-streams-group-heartbeat.ts";
import { streamsGroupDescribe } from "../../../src/protocol/messages/89-streams-group-describe.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import type { Asker } from "../asker.ts";

export const GROUP_RESOURCE = 32;

export type StreamsBeat = Input<typeof streamsGroupHeartbeat.request>;
type Beaten = Value<typeof streamsGroupHeartbeat.response>;
export type TopologyInput = NonNullable<StreamsBeat["topology"]>;
export type SubtopologyInput = TopologyInput["subtopologies"][number];
type TopicInput = SubtopologyInput["stateChangelogTopics"][number];
export type TaskInput = NonNullable<StreamsBeat["activeTasks"]>[number];

export const STREAMS_SETTINGS = {
  "offsets.topic.num.partitions": "1",
  // Every change is assigned at once: what is answered does not hang on the time it takes.
  "group.streams.assignment.interval.ms": "0",
  "group.streams.initial.rebalance.delay.ms": "0",
};

export function internalTopic(name: string, rest: Partial<TopicInput> = {}): TopicInput {
  return { name, partitions: 0, replicationFactor: 0, topicConfigs: [], ...rest };
}

export function subtopology(
  subtopologyId: string,
  rest: Partial<SubtopologyInput> = {},
): SubtopologyInput {
  return {
    subtopologyId,
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...rest,
  };
}

/** Reads `t` with no state at all. */
export const PLAIN: TopologyInput = {
  epoch: 0,
  subtopologies: [subtopology("0", { sourceTopics: ["t"] })],
};

export const NO_TASKS = { activeTasks: [], standbyTasks: [], warmupTasks: [] };

/** A member that joins, unless `rest` says otherwise. */
export function streamsBeating(
  groupId: string,
  memberId: string,
  rest: Partial<StreamsBeat> = {},
): StreamsBeat {
  const isJoin = (rest.memberEpoch ?? 0) === 0;
  const joining = {
    rebalanceTimeoutMs: 30_000,
    topology: PLAIN,
    ...NO_TASKS,
    processId: `process of ${memberId}`,
    clientTags: [],
  };
  const base = { groupId, memberId, memberEpoch: 0, endpointInformationEpoch: 0 };
  return { ...base, ...(isJoin ? joining : {}), ...rest };
}

export async function streamsBeat(asker: Asker, request: StreamsBeat, label = ""): Promise<Beaten> {
  return (await asker.ask(streamsGroupHeartbeat, 0, request, label, sortPartitions))!;
}

/** Kafka has them in the order of a HashMap, which hangs on what the member had before. */
function sortPartitions({ partitionsByUserEndpoint }: Beaten): void {
  for (const { activePartitions, standbyPartitions } of partitionsByUserEndpoint ?? []) {
    for (const { partitions } of [...activePartitions, ...standbyPartitions]) {
      partitions.sort((a, b) => a - b);
    }
  }
}

export function describeStreams(asker: Asker, label: string, ...groupIds: string[]) {
  const request = { groupIds, includeAuthorizedOperations: false };
  return asker.ask(streamsGroupDescribe, 0, request, label);
}
