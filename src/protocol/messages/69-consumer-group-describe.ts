/**
 * ConsumerGroupDescribe, v0-1. Describes groups of the consumer protocol (KIP-848).
 *
 * - v1: type of each member (KIP-1099).
 */
import { api, array, boolean, int16, int32, int8, string, struct, uuid } from "../schema.ts";

const topicPartitions = struct({ topicId: uuid, topicName: string, partitions: array(int32) });

const assignment = struct({ topicPartitions: array(topicPartitions) });

export const consumerGroupDescribe = api({
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: [0, 1],
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
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            instanceId: string.nullable().default(null),
            rackId: string.nullable().default(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: string.nullable().default(null),
            assignment: assignment,
            targetAssignment: assignment,
            memberType: int8.since(1).default(-1).ignorable(),
          }),
        ),
        authorizedOperations: int32.default(-2147483648),
      }),
    ),
  }),
});
