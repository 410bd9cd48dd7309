/**
 * Records of `__consumer_offsets` for groups of Kafka Streams (KIP-1071).
 *
 * Nullable tagged fields without a default here are declared with a bare null in Kafka, which its
 * generator does not take for a default: left out, they are empty, and null is written as null.
 */
import { array, int16, int32, int64Big, int8, string, struct, uint16 } from "../schema.ts";
import { groupKey, groupValue, memberKey, targetAssignmentMetadata } from "./group-record.ts";

export const streamsGroupMetadataKey = groupKey(17, "StreamsGroupMetadataKey");

const lastAssignmentConfig = struct({ key: string, value: string });

export const streamsGroupMetadataValue = groupValue(
  17,
  "StreamsGroupMetadataValue",
  struct({
    epoch: int32,
    metadataHash: int64Big,
    validatedTopologyEpoch: int32.tagged(0).default(-1),
    lastAssignmentConfigs: array(lastAssignmentConfig).nullable().tagged(1),
  }),
);

export const streamsGroupMemberMetadataKey = memberKey(19, "StreamsGroupMemberMetadataKey");

const endpoint = struct({ host: string, port: uint16 });

const keyValue = struct({ key: string, value: string });

export const streamsGroupMemberMetadataValue = groupValue(
  19,
  "StreamsGroupMemberMetadataValue",
  struct({
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    rebalanceTimeoutMs: int32.default(-1),
    topologyEpoch: int32,
    processId: string,
    userEndpoint: endpoint.nullable().default(null),
    clientTags: array(keyValue),
  }),
);

export const streamsGroupTargetAssignmentMetadataKey = groupKey(
  20,
  "StreamsGroupTargetAssignmentMetadataKey",
);

export const streamsGroupTargetAssignmentMetadataValue = groupValue(
  20,
  "StreamsGroupTargetAssignmentMetadataValue",
  targetAssignmentMetadata,
);

export const streamsGroupTargetAssignmentMemberKey = memberKey(
  21,
  "StreamsGroupTargetAssignmentMemberKey",
);

const taskIds = struct({ subtopologyId: string, partitions: array(int32) });

export const streamsGroupTargetAssignmentMemberValue = groupValue(
  21,
  "StreamsGroupTargetAssignmentMemberValue",
  struct({
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
  }),
);

export const streamsGroupCurrentMemberAssignmentKey = memberKey(
  22,
  "StreamsGroupCurrentMemberAssignmentKey",
);

const streamsGroupCurrentMemberAssignmentTaskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0),
});

export const streamsGroupCurrentMemberAssignmentValue = groupValue(
  22,
  "StreamsGroupCurrentMemberAssignmentValue",
  struct({
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(streamsGroupCurrentMemberAssignmentTaskIds),
    standbyTasks: array(streamsGroupCurrentMemberAssignmentTaskIds),
    warmupTasks: array(streamsGroupCurrentMemberAssignmentTaskIds),
    activeTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentTaskIds),
    standbyTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentTaskIds),
    warmupTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentTaskIds),
  }),
);

export const streamsGroupTopologyKey = groupKey(23, "StreamsGroupTopologyKey");

const topicConfig = struct({ key: string, value: string });

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(topicConfig),
});

export const streamsGroupTopologyValue = groupValue(
  23,
  "StreamsGroupTopologyValue",
  struct({
    epoch: int32,
    subtopologies: array(
      struct({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array(
          struct({
            sourceTopics: array(int16),
            sourceTopicRegex: array(int16),
            repartitionSourceTopics: array(int16),
          }),
        ),
      }),
    ),
  }),
);
