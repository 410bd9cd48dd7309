/** Every API that Bunka answers: dispatch and ApiVersions derive from this list. */
import { metadataHandler } from "./03-metadata.ts";
import { describeClusterHandler } from "./60-describe-cluster.ts";
import { describeTopicPartitionsHandler } from "./75-describe-topic-partitions.ts";
import type { Handler } from "./handler.ts";

/** ApiVersions, which answers with this list, is added by the dispatcher. */
export const HANDLERS: readonly Handler[] = [
  metadataHandler,
  describeClusterHandler,
  describeTopicPartitionsHandler,
];
