/**
 * UpdateFeatures: v0-2 (KIP-584).
 *
 * - Raises or lowers the levels of features that every node supports; all of them or none.
 *
 * Versions: v1 validate only, kinds of downgrade (KIP-778); v2 one error for all.
 */
import { updateFeatures as updateFeaturesCommand } from "../metadata/controller/update-features.ts";
import { updateFeatures } from "../protocol/messages/57-update-features.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const updateFeaturesHandler = handler(updateFeatures, (request, context, broker) =>
  submit(broker, updateFeaturesCommand(request, context.apiVersion), (refused) => ({
    throttleTimeMs: 0,
    ...refused,
    results: [],
  })),
);
