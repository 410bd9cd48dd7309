/** Copies of a partition, their leaders, and the windows in which quotas are measured. */
import { atLeast } from "./checks.ts";
import { acts, boolean, clusterWide, int, internal, long, string } from "./setting.ts";

export const replicationSettings = {
  "replica.fetch.backoff.ms": int(
    1000,
    "medium",
    atLeast(0),
    acts("A follower asks for a partition that failed after so long; at first it asks sooner."),
  ),
  "replica.fetch.max.bytes": int(
    1_048_576,
    "medium",
    atLeast(0),
    acts("How much a follower fetches of a partition at once, and a move of logs copies."),
  ),
  "replica.fetch.min.bytes": int(
    1,
    "high",
    acts("A follower is answered when its leader has so much for it."),
  ),
  "replica.fetch.response.max.bytes": int(
    10_485_760,
    "medium",
    atLeast(0),
    acts("How much a follower fetches of all partitions of a leader at once."),
  ),
  "replica.fetch.wait.max.ms": int(
    500,
    "high",
    acts("A follower is answered after so long, even if there is nothing for it."),
  ),
  "replica.high.watermark.checkpoint.interval.ms": long(
    5000,
    "high",
    acts("How often high watermarks are written down."),
  ),
  "replica.lag.time.max.ms": long(
    30_000,
    "high",
    acts("A replica that has not caught up for so long is not in sync any more."),
  ),
  "replica.selector.class": string(
    null,
    "medium",
    acts("With Kafka's RackAwareReplicaSelector consumers read in their own rack."),
  ),
  "replica.socket.receive.buffer.bytes": int(65_536, "high"),
  "replica.socket.timeout.ms": int(
    30_000,
    "high",
    acts("A leader that has not answered for so long is asked anew."),
  ),
  "num.replica.fetchers": int(
    1,
    "high",
    atLeast(1),
    clusterWide,
    acts("Connections to each leader; partitions are spread over them. One thread serves all."),
  ),
  "auto.leader.rebalance.enable": boolean(
    true,
    "high",
    acts("Whether the controller gives partitions back to their preferred leaders."),
  ),
  "leader.imbalance.check.interval.seconds": long(
    300,
    "high",
    atLeast(1),
    acts("How often the controller looks for partitions that are not with their preferred leader."),
  ),
  "follower.fetch.last.tiered.offset.enable": boolean(false, "medium", clusterWide),
  "unclean.leader.election.interval.ms": long(
    300_000,
    "medium",
    atLeast(1),
    internal,
    acts("How often the controller looks for partitions to elect an unclean leader for."),
  ),
  "quota.window.num": int(
    11,
    "low",
    atLeast(1),
    acts("Samples from which the rates of clients and connections are taken."),
  ),
  "quota.window.size.seconds": int(
    1,
    "low",
    atLeast(1),
    acts("Seconds that one sample of these rates takes."),
  ),
  "replication.quota.window.num": int(
    11,
    "low",
    atLeast(1),
    acts("Samples from which the rates of throttled replicas are taken."),
  ),
  "replication.quota.window.size.seconds": int(
    1,
    "low",
    atLeast(1),
    acts("Seconds that one sample of these rates takes."),
  ),
  "alter.log.dirs.replication.quota.window.num": int(11, "low", atLeast(1)),
  "alter.log.dirs.replication.quota.window.size.seconds": int(
    1,
    "low",
    atLeast(1),
    acts("How much a throttled move between log directories may catch up at once after a pause."),
  ),
};
