/** Consumer groups of both protocols, and the offsets they commit. */
import { atLeast, oneOfAnyCase, values } from "./checks.ts";
import { INT_MAX, acts, clusterWide, int, internal, list, long, short, string } from "./setting.ts";

export const groupSettings = {
  "group.consumer.assignment.interval.ms": int(
    1000,
    "medium",
    atLeast(0),
    clusterWide,
    acts("How long a consumer group keeps an assignment before the next is made."),
  ),
  "group.consumer.assignors": list(
    ["uniform", "range"],
    "medium",
    values(),
    acts("Assignors that consumers may ask for; the first is for those that ask for none."),
  ),
  "group.consumer.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    acts("How often members of consumer groups are told to send a heartbeat."),
  ),
  "group.consumer.max.assignment.interval.ms": int(
    15_000,
    "medium",
    atLeast(0),
    acts("The longest assignment interval that a group may have."),
  ),
  "group.consumer.max.heartbeat.interval.ms": int(
    15_000,
    "medium",
    atLeast(1),
    acts("The longest heartbeat interval that a group may have."),
  ),
  "group.consumer.max.session.timeout.ms": int(
    60_000,
    "medium",
    atLeast(1),
    acts("The longest session that a group may have."),
  ),
  "group.consumer.max.size": int(
    INT_MAX,
    "medium",
    atLeast(1),
    acts("Members that one consumer group may have."),
  ),
  "group.consumer.migration.policy": string(
    "bidirectional",
    "medium",
    oneOfAnyCase("DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"),
    acts("Which way groups with members may go between the classic and the consumer protocol."),
  ),
  "group.consumer.min.assignment.interval.ms": int(
    0,
    "medium",
    atLeast(0),
    acts("The shortest assignment interval that a group may have."),
  ),
  "group.consumer.min.heartbeat.interval.ms": int(
    5000,
    "medium",
    atLeast(1),
    acts("The shortest heartbeat interval that a group may have."),
  ),
  "group.consumer.min.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    acts("The shortest session that a group may have."),
  ),
  "group.consumer.regex.refresh.interval.ms": int(
    600_000,
    "medium",
    atLeast(10_000),
    internal,
    acts("How often patterns of a consumer group are matched against all topics anew."),
  ),
  "group.consumer.session.timeout.ms": int(
    45_000,
    "medium",
    atLeast(1),
    acts("Members of consumer groups that are silent for so long are removed."),
  ),
  "group.coordinator.append.linger.ms": int(
    -1,
    "medium",
    atLeast(-1),
    acts("How long records of groups are gathered into one batch; -1 for one turn of the loop."),
  ),
  "group.coordinator.background.threads": int(2, "high", atLeast(1)),
  "group.coordinator.cached.buffer.max.bytes": int(
    1_048_588,
    "medium",
    atLeast(524_288),
    clusterWide,
  ),
  "group.coordinator.rebalance.protocols": list(
    ["classic", "consumer", "streams"],
    "medium",
    values({}, "consumer", "classic", "share", "streams"),
    acts("Protocols that groups may speak."),
  ),
  "group.coordinator.threads": int(4, "high", atLeast(1)),
  "group.initial.rebalance.delay.ms": int(
    3000,
    "medium",
    acts("How long an empty group waits for more members before its first rebalance."),
  ),
  "group.max.session.timeout.ms": int(
    1_800_000,
    "medium",
    acts("The longest session a member may ask for."),
  ),
  "group.max.size": int(INT_MAX, "medium", atLeast(1), acts("Members that one group may have.")),
  "group.min.session.timeout.ms": int(
    6000,
    "medium",
    acts("The shortest session a member may ask for."),
  ),
  "offset.metadata.max.bytes": int(
    4096,
    "high",
    acts("The largest note that may go with a committed offset."),
  ),
  "offsets.commit.timeout.ms": int(
    5000,
    "high",
    atLeast(1),
    acts("How long a commit may wait for the copies of its partition."),
  ),
  "offsets.load.buffer.size": int(
    5_242_880,
    "high",
    atLeast(1),
    acts("Bytes read at a time when a group's partition is loaded."),
  ),
  "offsets.retention.check.interval.ms": long(
    600_000,
    "high",
    atLeast(1),
    acts("How often groups are looked through for offsets to drop."),
  ),
  "offsets.retention.minutes": int(
    10_080,
    "high",
    atLeast(1),
    acts("Committed offsets of a group without members go after this time."),
  ),
  "offsets.topic.compression.codec": int(
    0,
    "high",
    acts("How batches of committed offsets are compressed, as Kafka's number of the codec."),
  ),
  "offsets.topic.num.partitions": int(
    50,
    "high",
    atLeast(1),
    acts("Partitions of the topic of committed offsets; not to be changed later."),
  ),
  "offsets.topic.replication.factor": short(
    3,
    "high",
    atLeast(1),
    acts("Copies of the topic of committed offsets."),
  ),
  "offsets.topic.segment.bytes": int(
    104_857_600,
    "high",
    atLeast(1),
    acts("A segment of the topic of committed offsets is closed at this size."),
  ),
};
