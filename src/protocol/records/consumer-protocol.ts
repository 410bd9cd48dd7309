/**
 * What consumers of the classic protocol put into JoinGroup and SyncGroup: opaque to most of the
 * broker, which looks inside only to describe groups and to move them to the newer protocol.
 */
import { array, bytes, int32, message, string, struct } from "../schema.ts";

export const consumerProtocolAssignment = message({
  name: "ConsumerProtocolAssignment",
  versions: [0, 3],
  fields: struct({
    assignedPartitions: array(struct({ topic: string, partitions: array(int32) })),
    userData: bytes.nullable().default(null),
  }),
});

export const consumerProtocolSubscription = message({
  name: "ConsumerProtocolSubscription",
  versions: [0, 3],
  fields: struct({
    topics: array(string),
    userData: bytes.nullable().default(null),
    ownedPartitions: array(struct({ topic: string, partitions: array(int32) }))
      .since(1)
      .ignorable(),
    generationId: int32.since(2).default(-1).ignorable(),
    rackId: string.nullable().since(3).default(null).ignorable(),
  }),
});
