/** A directory may come from a Kafka that had features switched on which do not work here. */
import type { Logger } from "../base/logger.ts";
import type { SupportedFeatures } from "./features.ts";

export function warnOfFeatures(
  finalized: ReadonlyMap<string, number>,
  supported: SupportedFeatures,
  logger: Logger,
): void {
  for (const [name, level] of [...finalized].sort()) {
    const max = supported.get(name)?.max ?? 0;
    if (level <= max) continue;
    const works = max === 0 ? "does not work here" : `works here only up to level ${max}`;
    logger.warn(`the metadata has ${name} finalized at level ${level}, which ${works}`);
  }
}
