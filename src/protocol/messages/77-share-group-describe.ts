/**
 * ShareGroupDescribe, v1. Describes share groups (KIP-932).
 *
 * - v0 was for early access and is gone.
 */
import { api, array, boolean, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = struct({ topicId: uuid, topicName: string, partitions: array(int32) });

const assignment = struct({ topicPartitions: array(topicPartitions) });

export const shareGroupDescribe = api({
  key: 77,
  name: "ShareGroupDescribe",
  versions: [1, 1],
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
            rackId: string.nullable().default(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment: assignment,
          }),
        ),
        authorizedOperations: int32.default(-2147483648),
      }),
    ),
  }),
});
