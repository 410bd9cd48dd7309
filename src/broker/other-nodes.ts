/** What only a node with others needs of replication: loaded with the first of them. */
export { LeaderFetcher } from "../partition/replication/leader-fetcher.ts";
export { AlterPartitionQueue } from "./alter-partition-queue.ts";
