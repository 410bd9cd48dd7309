/** PushTelemetry, v0. Takes a client's metrics (KIP-714). */
import { api, boolean, bytes, int16, int32, int8, struct, uuid } from "../schema.ts";

export const pushTelemetry = api({
  key: 72,
  name: "PushTelemetry",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: boolean,
    compressionType: int8,
    metrics: bytes,
  }),
  response: struct({ throttleTimeMs: int32, errorCode: int16 }),
});
