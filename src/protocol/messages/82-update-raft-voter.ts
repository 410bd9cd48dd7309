/**
 * UpdateRaftVoter, v0. A voter of the metadata quorum tells its endpoints and versions (KIP-853).
 */
import { api, array, int16, int32, string, struct, uint16, uuid } from "../schema.ts";

export const updateRaftVoter = api({
  key: 82,
  name: "UpdateRaftVoter",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["controller"],
  request: struct({
    clusterId: string.nullable(),
    currentLeaderEpoch: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array(struct({ name: string, host: string, port: uint16 })),
    kRaftVersionFeature: struct({ minSupportedVersion: int16, maxSupportedVersion: int16 }),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    currentLeader: struct({
      leaderId: int32.default(-1),
      leaderEpoch: int32.default(-1),
      host: string,
      port: int32,
    }).tagged(0),
  }),
});
