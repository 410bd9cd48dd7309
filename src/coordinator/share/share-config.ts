/** What the share coordinator is told by the node's settings, under Kafka's names. */
import type { CompressionType } from "../../protocol/compression.ts";
import type { ShareShardConfig } from "./share-shard.ts";

export interface ShareConfig extends ShareShardConfig {
  readonly shareCoordinatorAppendLingerMs: number;
  readonly shareCoordinatorLoadBufferSize: number;
  readonly shareCoordinatorStateTopicCompressionCodec: CompressionType;
  readonly shareCoordinatorStateTopicPruneIntervalMs: number;
  readonly shareCoordinatorWriteTimeoutMs: number;
}
