/** Envelope, v0. Forwards a client's request to the controller (KIP-590). */
import { api, bytes, int16, struct } from "../schema.ts";

export const envelope = api({
  key: 58,
  name: "Envelope",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    requestData: bytes,
    requestPrincipal: bytes.nullable(),
    clientHostAddress: bytes,
  }),
  response: struct({ responseData: bytes.nullable().default(null), errorCode: int16 }),
});
