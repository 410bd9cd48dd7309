/** ControllerRegistration, v0. A controller makes itself known to the active one (KIP-919). */
import { api, array, boolean, int16, int32, string, struct, uint16, uuid } from "../schema.ts";

export const controllerRegistration = api({
  key: 70,
  name: "ControllerRegistration",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["controller"],
  request: struct({
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: boolean,
    listeners: array(struct({ name: string, host: string, port: uint16, securityProtocol: int16 })),
    features: array(
      struct({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
    ),
  }),
  response: struct({ throttleTimeMs: int32, errorCode: int16, errorMessage: string.nullable() }),
});
