/**
 * IncrementalAlterConfigs: v0-1 (KIP-339).
 *
 * - Sets, deletes, appends to and subtracts from single settings of topics, brokers, groups and
 *   client metrics. For each resource all changes are made, or none.
 * - The levels of this node's loggers are changed at once and forgotten when it stops (KIP-412).
 */
import { alterIncrementally, type AlterSettingsOptions } from "../broker/alter-settings.ts";
import type { Broker } from "../broker/broker.ts";
import type { Refusal } from "../metadata/controller/command.ts";
import { incrementalAlterConfigs } from "../protocol/messages/44-incremental-alter-configs.ts";
import { answerOfController } from "./forwarding.ts";
import { ForwardedContext, handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

export const incrementalAlterConfigsHandler = handler(
  incrementalAlterConfigs,
  (request, context, broker) =>
    alterIncrementally(alterSettingsOptions(context, broker), request, (resources, command) =>
      answerOfController(
        { api: incrementalAlterConfigs, request: { ...request, resources }, context, broker },
        () => submit(broker, command),
        (refusal) => refuseAll(resources, refusal),
      ),
    ),
  { asksController: true },
);

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** For AlterConfigs too. */
export function refuseAll(resources: readonly Resource[], refusal: Refusal) {
  const responses = resources.map(({ resourceType, resourceName }) => ({
    resourceType,
    resourceName,
    ...refusal,
  }));
  return { throttleTimeMs: 0, responses };
}

/** For AlterConfigs too. */
export function alterSettingsOptions(
  context: RequestContext,
  broker: Broker,
): AlterSettingsOptions {
  const { settings, nodeId, logLevels } = broker;
  const isController = context.listenerKind === "controller";
  const isChecked = !isController || context instanceof ForwardedContext;
  return { settings, nodeId, logLevels, isController, isChecked };
}
