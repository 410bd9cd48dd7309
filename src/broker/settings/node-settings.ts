/** The node itself: its roles, the quorum of controllers and the metadata log. */
import { atLeast, quorumServers, values, voters } from "./checks.ts";
import { LONG_MAX, acts, boolean, int, internal, list, long, string } from "./setting.ts";

export const nodeSettings = {
  "process.roles": list(
    undefined,
    "high",
    values({}, "broker", "controller"),
    acts("What this process is: a broker, a controller, or both."),
  ),
  "node.id": int(
    undefined,
    "high",
    atLeast(0),
    acts("The number of this node, unlike that of every other node of the cluster."),
  ),
  "broker.id": int(-1, "high", acts("The old name of node.id; when both are set they must agree.")),
  "broker.rack": string(
    null,
    "medium",
    acts("The rack or zone that clients are told this broker stands in."),
  ),
  "controller.listener.names": list(
    undefined,
    "high",
    values(),
    acts("The listeners that belong to the controller; brokers and clients do not use them."),
  ),
  "controller.performance.always.log.threshold.ms": long(2000, "medium", atLeast(0), internal),
  "controller.performance.sample.period.ms": long(60_000, "medium", atLeast(100), internal),
  "controller.quorum.append.linger.ms": int(25, "medium", atLeast(0)),
  "controller.quorum.auto.join.enable": boolean(
    false,
    "low",
    acts("Whether a controller that is no voter makes itself one."),
  ),
  "controller.quorum.bootstrap.servers": list(
    [],
    "high",
    quorumServers,
    acts("Where the controllers of a quorum that may change are found first."),
  ),
  "controller.quorum.election.backoff.max.ms": int(
    1000,
    "high",
    atLeast(0),
    acts("How long voters wait at most that are to follow a leader which resigns."),
  ),
  "controller.quorum.election.timeout.ms": int(
    1000,
    "high",
    atLeast(0),
    acts("How long a voter waits for a leader before it stands for election itself."),
  ),
  "controller.quorum.fetch.max.bytes": int(
    1_048_576,
    "low",
    atLeast(1),
    acts("How much of the metadata log is fetched at once."),
  ),
  "controller.quorum.fetch.snapshot.max.bytes": int(
    1_048_576,
    "low",
    atLeast(1),
    acts("How much of a snapshot of the metadata is fetched at once."),
  ),
  "controller.quorum.fetch.timeout.ms": int(
    2000,
    "high",
    atLeast(0),
    acts("How long a voter goes without a word of the leader, and a leader without a majority."),
  ),
  "controller.quorum.request.timeout.ms": int(
    2000,
    "medium",
    atLeast(0),
    acts("How long controllers wait for each other's answers."),
  ),
  "controller.quorum.retry.backoff.ms": int(
    20,
    "low",
    atLeast(0),
    acts("How long a controller that gave no answer is left alone."),
  ),
  "controller.quorum.voters": list(
    [],
    "high",
    voters,
    acts("The controllers of a quorum that is fixed, as id@host:port."),
  ),
  "controller.quota.window.num": int(
    11,
    "low",
    atLeast(1),
    acts("Samples of the rate at which clients may create and delete partitions."),
  ),
  "controller.quota.window.size.seconds": int(
    1,
    "low",
    atLeast(1),
    acts("Seconds that one sample of that rate takes."),
  ),
  "controller.socket.timeout.ms": int(
    30_000,
    "medium",
    acts("What a broker asks of the controller is asked anew after this time without an answer."),
  ),
  "metadata.log.dir": string(
    null,
    "high",
    acts("Where the metadata log lies; the first of log.dirs unless set."),
  ),
  "metadata.log.max.record.bytes.between.snapshots": long(
    20_971_520,
    "high",
    atLeast(1),
    acts("A snapshot of the metadata is written after so many bytes of new records."),
  ),
  "metadata.log.max.snapshot.interval.ms": long(
    3_600_000,
    "high",
    atLeast(0),
    acts(
      "A snapshot of the metadata is written after this time when anything changed; 0 for never.",
    ),
  ),
  "metadata.log.segment.bytes": int(
    1_073_741_824,
    "high",
    atLeast(8_388_608),
    acts("A segment of the metadata log is closed at this size."),
  ),
  "metadata.log.segment.ms": long(
    604_800_000,
    "high",
    acts("A segment of the metadata log is closed at this age."),
  ),
  "metadata.max.idle.interval.ms": int(
    500,
    "low",
    atLeast(0),
    acts("The metadata log gets a record at least this often; 0 for never."),
  ),
  "metadata.max.retention.bytes": long(
    104_857_600,
    "high",
    acts("Old segments and snapshots of the metadata go when they take more than this."),
  ),
  "metadata.max.retention.ms": long(
    604_800_000,
    "high",
    acts("Old segments and snapshots of the metadata go when they are older than this."),
  ),
  "internal.metadata.delete.delay.millis": long(60_000, "low", internal),
  "internal.metadata.log.segment.bytes": int(
    null,
    "low",
    internal,
    acts("Goes before metadata.log.segment.bytes, which has a least value."),
  ),
  "internal.metadata.max.batch.size.in.bytes": int(8_388_608, "low", internal),
  "broker.heartbeat.interval.ms": int(
    2000,
    "medium",
    acts("A broker that is not alone tells the controller this often that it lives."),
  ),
  "broker.session.timeout.ms": int(
    9000,
    "medium",
    acts("A broker that the controller has not heard of for so long is fenced."),
  ),
  "initial.broker.registration.timeout.ms": int(
    60_000,
    "medium",
    acts("A broker that no controller has registered after this time does not start."),
  ),
  "server.max.startup.time.ms": long(LONG_MAX, "medium", atLeast(0), internal),
  "unstable.api.versions.enable": boolean(
    false,
    "high",
    internal,
    acts("Versions of APIs that may still change are offered, too."),
  ),
  "unstable.feature.versions.enable": boolean(false, "high", internal),
  "controlled.shutdown.enable": boolean(
    true,
    "medium",
    acts("A broker that stops hands what it leads to others first."),
  ),
};
