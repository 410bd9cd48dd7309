/** AlterUserScramCredentials, v0. Changes SCRAM credentials of users (KIP-554). */
import { api, array, bytes, int16, int32, int8, string, struct } from "../schema.ts";

export const alterUserScramCredentials = api({
  key: 51,
  name: "AlterUserScramCredentials",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    deletions: array(struct({ name: string, mechanism: int8 })),
    upsertions: array(
      struct({
        name: string,
        mechanism: int8,
        iterations: int32,
        salt: bytes,
        saltedPassword: bytes,
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ user: string, errorCode: int16, errorMessage: string.nullable() })),
  }),
});
