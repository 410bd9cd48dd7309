/**
 * UpdateFeatures: v0-2 (KIP-584).
 *
 * - Raises or lowers the levels of features that every node supports; all of them or none.
 *
 * Versions: v1 validate only, kinds of downgrade (KIP-778); v2 one error for all.
 */
import * as controller from "../metadata/controller/update-features.ts";
import { updateFeatures } from "../protocol/messages/57-update-features.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const updateFeaturesHandler = handler(updateFeatures, async (request, context, broker) => {
  const { results, ...rest } = await submit(
    broker,
    controller.updateFeatures(request, context.apiVersion),
    (refused) => ({ throttleTimeMs: 0, ...refused, results: [] }),
  );
  return {
    ...rest,
    results: results.map((result) => ({ ...result, errorMessage: errorText(result.errorCode) })),
  };
});
