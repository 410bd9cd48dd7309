/** What the state of groups may use of the world. */
import type { Logger } from "../../base/logger.ts";
import type { Clock, Random } from "../../base/world.ts";
import type { ShardContext } from "../shard.ts";
import type { GroupConfig } from "./group-config.ts";
import type { GroupRecord } from "./group-records.ts";
import type { GroupStats } from "./group-stats.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface GroupContext extends ShardContext<GroupRecord> {
  readonly config: GroupConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly topics: TopicDirectory;
  readonly stats: GroupStats;
}
