/**
 * DescribeConfigs: v1-4.
 *
 * - Topics, groups and client metrics: their own settings over the defaults. The node itself: as it
 *   runs; without a name: what was changed for all brokers. Its loggers: their levels.
 * - `configurationKeys` picks settings; null or empty means all.
 *
 * Versions: v1 synonyms (KIP-226); v3 types and documentation (KIP-569).
 */
import { Slices } from "../base/slices.ts";
import { describeResource } from "../broker/settings/describe-resource.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeConfigs } from "../protocol/messages/32-describe-configs.ts";
import type { Input } from "../protocol/schema.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler } from "./handler.ts";

type Result = Input<typeof describeConfigs.response>["results"][number];

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(ConfigResourceType));

export const describeConfigsHandler = handler(
  describeConfigs,
  async (request, _context, broker) => {
    const { resources, includeSynonyms, includeDocumentation } = request;
    if (resources.some(({ resourceType }) => !KNOWN_TYPES.has(resourceType))) {
      const errorCode = ErrorCode.INVALID_REQUEST;
      const errorMessage = errorText(errorCode);
      const results = resources.map(({ resourceType, resourceName }) => ({
        errorCode,
        errorMessage,
        resourceType,
        resourceName,
        configs: [],
      }));
      return { results };
    }
    const { settings, image } = broker;
    const describeContext = { settings, image, logLevels: broker.logLevels.all() };
    const slices = new Slices(broker.world.clock);
    const results: Result[] = [];
    for (const { resourceType, resourceName, configurationKeys } of resources) {
      const options = { keys: configurationKeys, includeSynonyms, includeDocumentation };
      const description = describeResource(describeContext, resourceType, resourceName, options);
      const errorMessage = description.errorMessage ?? "";
      results.push({ resourceType, resourceName, ...description, errorMessage });
      if (slices.isOver) await slices.next();
    }
    return { results };
  },
);
