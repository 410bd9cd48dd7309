/** What those parts of a node share that look after its partitions. */
import type { Logger } from "../base/logger.ts";
import type { World } from "../base/world.ts";
import type { LogManager } from "../log/log-manager.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { Partitions } from "../partition/partitions.ts";
import type { Settings } from "./settings/settings.ts";

export interface LocalNode {
  readonly world: World;
  readonly logger: Logger;
  readonly settings: Settings;
  readonly nodeId: number;
  /** Of committed records; the same object for the life of the node. */
  readonly image: MetadataImage;
  readonly logs: LogManager;
  readonly partitions: Partitions;
}
