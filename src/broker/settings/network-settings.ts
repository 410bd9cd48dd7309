/** Listeners, connections, and what one request may ask for. */
import { atLeast, values } from "./checks.ts";
import { INT_MAX, acts, clusterWide, int, list, long, perBroker, string } from "./setting.ts";

export const networkSettings = {
  listeners: list(
    ["PLAINTEXT://:9092"],
    "high",
    values(),
    perBroker,
    acts(
      "Addresses to listen on, as NAME://host:port; without a host, on every address. Listeners " +
        "of other names come and go while the broker runs.",
    ),
  ),
  "advertised.listeners": list(
    null,
    "high",
    values({ null: true }),
    acts("Addresses that clients are told to use, where they are not those of listeners."),
  ),
  "listener.security.protocol.map": string(
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    "low",
    perBroker,
    acts("The security protocol of each listener name."),
  ),
  "inter.broker.listener.name": string(
    null,
    "medium",
    acts("The listener on which brokers speak with each other."),
  ),
  "early.start.listeners": list(null, "high", values({ empty: true, null: true })),
  "socket.connection.setup.timeout.max.ms": long(30_000, "medium"),
  "socket.connection.setup.timeout.ms": long(
    10_000,
    "medium",
    acts("How long another node may take to accept a connection."),
  ),
  "socket.listen.backlog.size": int(50, "medium", atLeast(1)),
  "socket.receive.buffer.bytes": int(102_400, "high"),
  "socket.request.max.bytes": int(
    104_857_600,
    "high",
    atLeast(1),
    acts("A request larger than this closes its connection."),
  ),
  "socket.send.buffer.bytes": int(102_400, "high"),
  "max.connection.creation.rate": int(
    INT_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("Connections made in a second; more wait."),
  ),
  "max.connections": int(
    INT_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("Connections open at once; more wait until others close."),
  ),
  "max.connections.per.ip": int(
    INT_MAX,
    "medium",
    atLeast(0),
    clusterWide,
    acts("Connections open at once from one address; more are closed."),
  ),
  "max.connections.per.ip.overrides": string(
    "",
    "medium",
    clusterWide,
    acts("Other limits for some addresses, as host:count."),
  ),
  "connections.max.idle.ms": long(
    600_000,
    "medium",
    acts("A connection without a request for so long is closed."),
  ),
  "queued.max.request.bytes": long(
    -1,
    "medium",
    acts(
      "Bytes of requests in the works at once; further ones stay in the sockets. " +
        "-1, no bound in Kafka, is 512 MiB here.",
    ),
  ),
  "queued.max.requests": int(
    500,
    "high",
    atLeast(1),
    acts("Requests in the works at once; further ones stay in the sockets."),
  ),
  "num.network.threads": int(
    3,
    "high",
    atLeast(1),
    clusterWide,
    acts("Threads at most that send large answers, for each listener; all in all one a core."),
  ),
  "num.io.threads": int(
    8,
    "high",
    atLeast(1),
    clusterWide,
    acts("Threads at most for batches that take long to compress or to look through."),
  ),
  "background.threads": int(10, "high", atLeast(1), clusterWide),
  "request.timeout.ms": int(
    30_000,
    "high",
    acts("How long a request that has to wait for another node waits."),
  ),
  "fetch.max.bytes": int(
    57_671_680,
    "medium",
    atLeast(1024),
    acts("Bytes that one fetch may return, whatever the client asks for."),
  ),
  "max.incremental.fetch.session.cache.slots": int(
    1000,
    "medium",
    atLeast(0),
    acts("Fetch sessions kept at once; 0 keeps none."),
  ),
  "max.request.partition.size.limit": int(
    2000,
    "medium",
    atLeast(1),
    acts("Partitions that one DescribeTopicPartitions answers."),
  ),
  "connection.failed.authentication.delay.ms": int(100, "low", atLeast(0)),
  "fetch.purgatory.purge.interval.requests": int(1000, "medium"),
  "producer.purgatory.purge.interval.requests": int(1000, "medium"),
  "delete.records.purgatory.purge.interval.requests": int(1, "medium"),
  "num.replica.alter.log.dirs.threads": int(
    null,
    "high",
    acts("How many partitions are moved between log directories at once; one for each of these."),
  ),
};
