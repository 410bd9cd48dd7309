/**
 * What a KRaft node remembers of elections. Kafka keeps it as JSON in `quorum-state`; the fields
 * and their defaults are these.
 */
import { array, int32, int64, message, string, struct, uuid } from "../schema.ts";

export const quorumStateData = message({
  name: "QuorumStateData",
  versions: [0, 1],
  flexibleFrom: 0,
  fields: struct({
    clusterId: string.until(0),
    leaderId: int32.default(-1),
    leaderEpoch: int32.default(-1),
    votedId: int32.default(-1),
    votedDirectoryId: uuid.since(1),
    appliedOffset: int64.until(0),
    currentVoters: array(struct({ voterId: int32 }))
      .nullable()
      .until(0),
  }),
});
