/**
 * IncrementalAlterConfigs: v0-1 (KIP-339).
 *
 * - Sets, deletes, appends to and subtracts from single settings of topics, brokers, groups and
 *   client metrics. For each resource all changes are made, or none.
 * - The levels of this node's loggers are changed at once and forgotten when it stops (KIP-412).
 */
import {
  alterIncrementally,
  alterOnController,
  type AlterSettingsOptions,
} from "../broker/alter-settings.ts";
import type { Broker } from "../broker/broker.ts";
import { incrementalAlterConfigs } from "../protocol/messages/44-incremental-alter-configs.ts";
import { handler } from "./handler.ts";

export const incrementalAlterConfigsHandler = handler(
  incrementalAlterConfigs,
  (request, context, broker) => {
    const options = alterSettingsOptions(broker);
    return context.listenerKind === "broker"
      ? alterIncrementally(options, request)
      : alterOnController(options, request);
  },
);

export function alterSettingsOptions(broker: Broker): AlterSettingsOptions {
  const { settings, nodeId, logLevels, metadata } = broker;
  return { settings, nodeId, logLevels, submit: (command) => metadata.submit(command) };
}
