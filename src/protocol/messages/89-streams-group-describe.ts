/** StreamsGroupDescribe, v0. Describes groups of Kafka Streams (KIP-1071). */
import { api, array, boolean, int16, int32, int64, string, struct, uint16 } from "../schema.ts";

const endpoint = struct({ host: string, port: uint16 });

const taskOffset = struct({ subtopologyId: string, partition: int32, offset: int64 });

const taskIds = struct({ subtopologyId: string, partitions: array(int32) });

const assignment = struct({
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
});

const keyValue = struct({ key: string, value: string });

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
});

export const streamsGroupDescribe = api({
  key: 89,
  name: "StreamsGroupDescribe",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({ groupIds: array(string), includeAuthorizedOperations: boolean }),
  response: struct({
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        topology: struct({
          epoch: int32,
          subtopologies: array(
            struct({
              subtopologyId: string,
              sourceTopics: array(string),
              repartitionSinkTopics: array(string),
              stateChangelogTopics: array(topicInfo),
              repartitionSourceTopics: array(topicInfo),
            }),
          )
            .nullable()
            .default(null),
        })
          .nullable()
          .default(null),
        members: array(
          struct({
            memberId: string,
            memberEpoch: int32,
            instanceId: string.nullable().default(null),
            rackId: string.nullable().default(null),
            clientId: string,
            clientHost: string,
            topologyEpoch: int32,
            processId: string,
            userEndpoint: endpoint.nullable().default(null),
            clientTags: array(keyValue),
            taskOffsets: array(taskOffset),
            taskEndOffsets: array(taskOffset),
            assignment: assignment,
            targetAssignment: assignment,
            isClassic: boolean,
          }),
        ),
        authorizedOperations: int32.default(-2147483648),
      }),
    ),
  }),
});
