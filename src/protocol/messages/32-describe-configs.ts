/**
 * DescribeConfigs, v1-4. Describes the settings of topics, brokers, groups and more.
 *
 * - v2: the answer is sent before the client is throttled.
 * - v3: type and documentation of each (KIP-569).
 * - v4: flexible.
 */
import { api, array, boolean, int16, int32, int8, string, struct } from "../schema.ts";

export const describeConfigs = api({
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexibleFrom: 4,
  listeners: ["broker", "controller"],
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configurationKeys: array(string).nullable(),
      }),
    ),
    includeSynonyms: boolean.default(false),
    includeDocumentation: boolean.since(3).default(false),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: boolean,
            configSource: int8.default(-1).ignorable(),
            isSensitive: boolean,
            synonyms: array(
              struct({ name: string, value: string.nullable(), source: int8 }),
            ).ignorable(),
            configType: int8.since(3).default(0).ignorable(),
            documentation: string.nullable().since(3).ignorable(),
          }),
        ),
      }),
    ),
  }),
});
