/** UnregisterBroker, v0. Forgets a broker (KIP-631). */
import { api, int16, int32, string, struct } from "../schema.ts";

export const unregisterBroker = api({
  key: 64,
  name: "UnregisterBroker",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({ brokerId: int32 }),
  response: struct({ throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() }),
});
