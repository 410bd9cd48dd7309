/** Settings of one group, of a subscription to client metrics, and of quotas. */
import { atLeast, offsetReset, oneOf, values } from "./checks.ts";
import {
  INT_MAX,
  LONG_MAX,
  acts,
  boolean,
  choice,
  clusterWide,
  defaultsTo,
  double,
  int,
  list,
  long,
  string,
} from "./setting.ts";

export const groupEntitySettings = {
  "consumer.assignment.interval.ms": int(
    1000,
    "medium",
    atLeast(0),
    defaultsTo("group.consumer.assignment.interval.ms"),
  ),
  "consumer.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    defaultsTo("group.consumer.heartbeat.interval.ms"),
  ),
  "consumer.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    defaultsTo("group.consumer.session.timeout.ms"),
  ),
  "share.assignment.interval.ms": int(
    1000,
    "medium",
    atLeast(0),
    defaultsTo("group.share.assignment.interval.ms"),
  ),
  "share.auto.offset.reset": string("latest", "medium", offsetReset),
  "share.delivery.count.limit": int(
    5,
    "medium",
    atLeast(2),
    defaultsTo("group.share.delivery.count.limit"),
  ),
  "share.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    defaultsTo("group.share.heartbeat.interval.ms"),
  ),
  "share.isolation.level": choice(
    "read_uncommitted",
    "medium",
    oneOf("read_committed", "read_uncommitted"),
  ),
  "share.partition.max.record.locks": int(
    2000,
    "medium",
    atLeast(100),
    defaultsTo("group.share.partition.max.record.locks"),
  ),
  "share.record.lock.duration.ms": int(
    30_000,
    "medium",
    atLeast(1000),
    defaultsTo("group.share.record.lock.duration.ms"),
  ),
  "share.renew.acknowledge.enable": boolean(true, "medium"),
  "share.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    defaultsTo("group.share.session.timeout.ms"),
  ),
  "streams.assignment.interval.ms": int(
    1000,
    "medium",
    atLeast(0),
    defaultsTo("group.streams.assignment.interval.ms"),
  ),
  "streams.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    defaultsTo("group.streams.heartbeat.interval.ms"),
  ),
  "streams.initial.rebalance.delay.ms": int(
    3000,
    "medium",
    atLeast(0),
    defaultsTo("group.streams.initial.rebalance.delay.ms"),
  ),
  "streams.num.standby.replicas": int(
    0,
    "medium",
    atLeast(0),
    defaultsTo("group.streams.num.standby.replicas"),
  ),
  "streams.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    defaultsTo("group.streams.session.timeout.ms"),
  ),
};

export const clientMetricsSettings = {
  "interval.ms": int(300_000, "medium"),
  match: list([], "medium", values({ empty: true })),
  metrics: list([], "medium", values({ empty: true })),
};

export const brokerQuotaSettings = {
  "follower.replication.throttled.rate": long(
    LONG_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("How fast this broker may copy replicas that are throttled here, all of them together."),
  ),
  "leader.replication.throttled.rate": long(
    LONG_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("How fast replicas that are throttled here may be copied from this broker."),
  ),
  "replica.alter.log.dirs.io.max.bytes.per.second": long(
    LONG_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("How fast partitions may be moved between log directories, all of them together."),
  ),
};

export const userQuotaSettings = {
  consumer_byte_rate: long(LONG_MAX, "medium"),
  controller_mutation_rate: double(INT_MAX, "medium"),
  producer_byte_rate: long(LONG_MAX, "medium"),
  request_percentage: double(INT_MAX, "medium"),
};

export const scramUserSettings = {
  "SCRAM-SHA-256": string(null, "medium"),
  "SCRAM-SHA-512": string(null, "medium"),
  consumer_byte_rate: long(LONG_MAX, "medium"),
  controller_mutation_rate: double(INT_MAX, "medium"),
  producer_byte_rate: long(LONG_MAX, "medium"),
  request_percentage: double(INT_MAX, "medium"),
};

export const ipQuotaSettings = {
  connection_creation_rate: int(INT_MAX, "medium", atLeast(0)),
};
