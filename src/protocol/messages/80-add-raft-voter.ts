/**
 * AddRaftVoter, v0-1. Adds a voter to the metadata quorum (KIP-853).
 *
 * - v1: may be answered before the change is committed.
 */
import { api, array, boolean, int16, int32, string, struct, uint16, uuid } from "../schema.ts";

export const addRaftVoter = api({
  key: 80,
  name: "AddRaftVoter",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array(struct({ name: string, host: string, port: uint16 })),
    ackWhenCommitted: boolean.since(1).default(true),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable(),
  }),
});
