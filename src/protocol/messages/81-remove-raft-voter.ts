/** RemoveRaftVoter, v0. Removes a voter from the metadata quorum (KIP-853). */
import { api, int16, int32, string, struct, uuid } from "../schema.ts";

export const removeRaftVoter = api({
  key: 81,
  name: "RemoveRaftVoter",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({ clusterId: string.nullable(), voterId: int32, voterDirectoryId: uuid }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable(),
  }),
});
