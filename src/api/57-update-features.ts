/**
 * UpdateFeatures: v0-2 (KIP-584).
 *
 * - Raises or lowers the levels of features that every node supports; all of them or none.
 * - kraft.version goes from 0 to 1 (KIP-853): the log says from then on who votes.
 *
 * Versions: v1 validate only, kinds of downgrade (KIP-778); v2 one error for all.
 */
import type { Broker } from "../broker/broker.ts";
import * as controller from "../metadata/controller/update-features.ts";
import { KRAFT_VERSION } from "../metadata/features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { updateFeatures } from "../protocol/messages/57-update-features.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

export const updateFeaturesHandler = handler(updateFeatures, update, {
  refused: (_request, refusal) => ({ ...refusal, results: [] }),
});

async function update(
  request: controller.UpdateFeaturesRequest,
  context: RequestContext,
  broker: Broker,
) {
  const kraft = request.featureUpdates.find(({ feature }) => feature === KRAFT_VERSION);
  const reason = reasonAgainstUpgrade(broker, kraft?.maxVersionLevel ?? 0);
  if (reason !== null) {
    return { errorCode: ErrorCode.INVALID_UPDATE_VERSION, errorMessage: reason, results: [] };
  }
  const command = controller.updateFeatures(request, context.apiVersion);
  const { results, ...rest } = await submit(broker, command);
  if (kraft !== undefined && rest.errorCode === ErrorCode.NONE && !request.validateOnly) {
    await broker.metadata.raft.upgradeKRaftVersion(kraft.maxVersionLevel);
  }
  return {
    ...rest,
    results: results.map((result) => ({ ...result, errorMessage: errorText(result.errorCode) })),
  };
}

/** The leader of the quorum alone knows of all voters what they run. */
function reasonAgainstUpgrade(
  { metadata, supportedFeatures }: Broker,
  level: number,
): string | null {
  const { raft } = metadata;
  const isKnown = level <= (supportedFeatures.get(KRAFT_VERSION)?.max ?? 0);
  const isUpgrade = isKnown && level > raft.kraftVersion;
  return isUpgrade && raft.isLeader ? raft.reasonAgainstUpgrade(level) : null;
}
