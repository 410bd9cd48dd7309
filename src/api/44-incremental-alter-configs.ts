/**
 * IncrementalAlterConfigs: v0-1 (KIP-339).
 *
 * - Sets, deletes, appends to and subtracts from single settings of topics, brokers, groups and
 *   client metrics. For each resource all changes are made, or none.
 * - The levels of this node's loggers are changed at once and forgotten when it stops (KIP-412).
 */
import { alterIncrementally, type AlterSettingsOptions } from "../broker/alter-settings.ts";
import type { Broker } from "../broker/broker.ts";
import { incrementalAlterConfigs } from "../protocol/messages/44-incremental-alter-configs.ts";
import { handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

export const incrementalAlterConfigsHandler = handler(
  incrementalAlterConfigs,
  (request, context, broker) =>
    alterIncrementally(alterSettingsOptions(context, broker, request.resources), request),
);

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** For AlterConfigs too. */
export function alterSettingsOptions(
  context: RequestContext,
  broker: Broker,
  resources: readonly Resource[],
): AlterSettingsOptions {
  const { settings, nodeId, logLevels } = broker;
  return {
    settings,
    nodeId,
    logLevels,
    isController: context.listenerKind === "controller",
    submit: (command) =>
      submit(broker, command, (refused) => ({
        throttleTimeMs: 0,
        responses: resources.map(({ resourceType, resourceName }) => ({
          resourceType,
          resourceName,
          ...refused,
        })),
      })),
  };
}
