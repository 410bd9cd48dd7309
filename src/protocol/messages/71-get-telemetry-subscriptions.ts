/** GetTelemetrySubscriptions, v0. Tells a client which metrics to push (KIP-714). */
import { api, array, boolean, int16, int32, int8, string, struct, uuid } from "../schema.ts";

export const getTelemetrySubscriptions = api({
  key: 71,
  name: "GetTelemetrySubscriptions",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({ clientInstanceId: uuid }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: boolean,
    requestedMetrics: array(string),
  }),
});
