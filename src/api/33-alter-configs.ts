/**
 * AlterConfigs: v0-2.
 *
 * - Gives a resource exactly the settings of the request; all others that it had are gone, which is
 *   why IncrementalAlterConfigs took its place (KIP-339).
 */
import { replaceAll } from "../broker/alter-settings.ts";
import { alterConfigs } from "../protocol/messages/33-alter-configs.ts";
import { alterSettingsOptions, refuseAll } from "./44-incremental-alter-configs.ts";
import { answerOfController } from "./forwarding.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterConfigsHandler = handler(
  alterConfigs,
  (request, context, broker) =>
    replaceAll(alterSettingsOptions(context, broker), request, (resources, command) =>
      answerOfController(
        { api: alterConfigs, request: { ...request, resources }, context, broker },
        () => submit(broker, command),
        (refusal) => refuseAll(resources, refusal),
      ),
    ),
  { asksController: true },
);
