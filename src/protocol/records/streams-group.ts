/**
 * Records of `__consumer_offsets` for groups of Kafka Streams (KIP-1071).
 *
 * Nullable tagged fields without a default here are declared with a bare null in Kafka, which its
 * generator does not take for a default: left out, they are empty, and null is written as null.
 */
import {
  array,
  int16,
  int32,
  int64,
  int64Big,
  int8,
  message,
  string,
  struct,
  uint16,
} from "../schema.ts";

export const streamsGroupMetadataKey = message({
  key: 17,
  name: "StreamsGroupMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

const lastAssignmentConfig = struct({ key: string, value: string });

export const streamsGroupMetadataValue = message({
  key: 17,
  name: "StreamsGroupMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    epoch: int32,
    metadataHash: int64Big,
    validatedTopologyEpoch: int32.tagged(0).default(-1),
    lastAssignmentConfigs: array(lastAssignmentConfig).nullable().tagged(1),
  }),
});

export const streamsGroupMemberMetadataKey = message({
  key: 19,
  name: "StreamsGroupMemberMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

const endpoint = struct({ host: string, port: uint16 });

const keyValue = struct({ key: string, value: string });

export const streamsGroupMemberMetadataValue = message({
  key: 19,
  name: "StreamsGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
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
});

export const streamsGroupTargetAssignmentMetadataKey = message({
  key: 20,
  name: "StreamsGroupTargetAssignmentMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const streamsGroupTargetAssignmentMetadataValue = message({
  key: 20,
  name: "StreamsGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tagged(0).default(0).ignorable(),
  }),
});

export const streamsGroupTargetAssignmentMemberKey = message({
  key: 21,
  name: "StreamsGroupTargetAssignmentMemberKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

const taskIds = struct({ subtopologyId: string, partitions: array(int32) });

export const streamsGroupTargetAssignmentMemberValue = message({
  key: 21,
  name: "StreamsGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
  }),
});

export const streamsGroupCurrentMemberAssignmentKey = message({
  key: 22,
  name: "StreamsGroupCurrentMemberAssignmentKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

const streamsGroupCurrentMemberAssignmentTaskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0),
});

export const streamsGroupCurrentMemberAssignmentValue = message({
  key: 22,
  name: "StreamsGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
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
});

export const streamsGroupTopologyKey = message({
  key: 23,
  name: "StreamsGroupTopologyKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

const topicConfig = struct({ key: string, value: string });

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(topicConfig),
});

export const streamsGroupTopologyValue = message({
  key: 23,
  name: "StreamsGroupTopologyValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
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
});
