/** Settings of this node that people change while it runs: those of all brokers, and its own. */
import { CLUSTER_DEFAULT, ConfigResourceType } from "../metadata/configs-image.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import type { LocalNode } from "./local-node.ts";
import { changeSettings } from "./settings/change-settings.ts";

type Follower = Pick<LocalNode, "image" | "nodeId" | "settings" | "logger">;

/** Whether some were changed. */
export function followBrokerSettings(node: Follower, delta: MetadataDelta): boolean {
  const { image, nodeId, settings, logger } = node;
  const own = String(nodeId);
  const isChanged = [...delta.changedConfigs()].some(
    ({ resource: { type, name } }) =>
      type === ConfigResourceType.BROKER && (name === CLUSTER_DEFAULT || name === own),
  );
  if (!isChanged) return false;
  const forAll = image.configs.of(ConfigResourceType.BROKER, CLUSTER_DEFAULT);
  const forOne = image.configs.of(ConfigResourceType.BROKER, own);
  for (const problem of changeSettings(settings, forAll, forOne)) logger.warn(problem);
  return true;
}
