/** DescribeUserScramCredentials, v0. Describes which SCRAM credentials users have (KIP-554). */
import { api, array, int16, int32, int8, string, struct } from "../schema.ts";

export const describeUserScramCredentials = api({
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  request: struct({ users: array(struct({ name: string })).nullable() }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
        credentialInfos: array(struct({ mechanism: int8, iterations: int32 })),
      }),
    ),
  }),
});
