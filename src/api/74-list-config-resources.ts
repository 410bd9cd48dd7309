/**
 * ListConfigResources: v0-1.
 *
 * - Names of everything that DescribeConfigs can describe; of groups and client metrics, those that
 *   have settings of their own.
 *
 * Versions: v0 client metrics only (KIP-714); v1 all types (KIP-1142).
 */
import type { Broker } from "../broker/broker.ts";
import { nodeViews } from "../broker/topic-view.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { listConfigResources } from "../protocol/messages/74-list-config-resources.ts";
import { handler } from "./handler.ts";
import { OTHER_KIND } from "./request.ts";

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType;

export const listConfigResourcesHandler = handler(
  listConfigResources,
  (request, context, broker) => {
    if (context.apiVersion === 0) context.request.variant = OTHER_KIND;
    const known: readonly number[] =
      context.apiVersion === 0
        ? [CLIENT_METRICS]
        : [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];
    const wanted = request.resourceTypes.length === 0 ? known : request.resourceTypes;
    if (wanted.some((type) => !known.includes(type))) {
      return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
    }
    const configResources = known
      .filter((type) => wanted.includes(type))
      .flatMap((resourceType) =>
        namesOf(resourceType, context.listenerName, broker).map((resourceName) => ({
          resourceName,
          resourceType,
        })),
      );
    return { errorCode: ErrorCode.NONE, configResources };
  },
);

function namesOf(type: number, listenerName: string, { image }: Broker): string[] {
  switch (type) {
    case TOPIC:
      return [...image.topics.values()].map((topic) => topic.name);
    case BROKER:
    case BROKER_LOGGER:
      return nodeViews(image, listenerName).map(({ nodeId }) => String(nodeId));
    default:
      return [...image.configs.names(type)];
  }
}
