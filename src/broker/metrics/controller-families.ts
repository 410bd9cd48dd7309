/** Kafka's KafkaController and ControllerStats. */
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import type { BrokerRegistration } from "../../metadata/cluster-image.ts";
import type { MetadataImage } from "../../metadata/image.ts";
import type { MetadataNode } from "../../metadata/metadata-node.ts";
import { NO_LEADER } from "../../metadata/partition-registration.ts";

export function controllerFamilies(metadata: () => MetadataNode, clock: Clock): Families {
  return function* (out) {
    const node = metadata();
    yield* controller(out, node.image, node, clock);
  };
}

/** Looked at without a break. */
const TOPICS_AT_ONCE = 64;

function* controller(
  out: MetricsText,
  { topics, cluster }: MetadataImage,
  node: MetadataNode,
  clock: Clock,
): Iterable<void> {
  const brokers = [...cluster.brokers.values()];
  let offline = 0;
  let imbalanced = 0;
  const pace = new Pace(TOPICS_AT_ONCE);
  for (const { partitions } of topics.values()) {
    for (const { leader, replicas } of partitions) {
      if (leader === NO_LEADER) offline++;
      if (leader !== replicas[0]) imbalanced++;
    }
    if (pace.endsStep()) yield;
  }
  const isActive = node.raft.isLeader;
  const { leaderCount } = node.raft.stats;
  const lagMs = isActive ? 0 : clock.wallMs() - node.lastTimestamp;
  const rows: readonly (readonly [string, string, number])[] = [
    ["activecontrollercount", "1 on the active controller", Number(isActive)],
    ["activebrokercount", "Brokers that are not fenced", brokers.filter((b) => !b.fenced).length],
    ["fencedbrokercount", "Brokers that are fenced", brokers.filter((b) => b.fenced).length],
    ["globaltopiccount", "Topics of the cluster", topics.size],
    ["globalpartitioncount", "Partitions of the cluster", topics.partitionCount],
    ["offlinepartitionscount", "Partitions without a leader", offline],
    ["preferredreplicaimbalancecount", "Partitions not led by their first replica", imbalanced],
    [
      "controlledshutdownbrokercount",
      "Brokers that want to stop",
      brokers.filter((b) => b.inControlledShutdown).length,
    ],
    // Such an error ends the node.
    ["metadataerrorcount", "Errors in the metadata log", 0],
    [
      "ignoredstaticvoters",
      "1 where settings name voters in vain",
      Number(node.raft.ignoresStaticVoters),
    ],
    ["newactivecontrollerscount", "Controllers that this node saw become active", leaderCount],
    // A heartbeat is answered in its turn: it does not wait in a queue.
    ["timedoutbrokerheartbeatcount", "Heartbeats that waited for too long", 0],
    ["lastappliedrecordoffset", "Offset of the last record applied", node.lastOffset],
    ["lastcommittedrecordoffset", "Offset of the last record committed", node.lastOffset],
    // The leader applies what it commits in the same turn.
    ["lastappliedrecordlagms", "Age of the last record applied, where it is not active", lagMs],
    ["lastappliedrecordtimestamp", "Time of the last record applied", node.lastTimestamp],
  ];
  for (const [name, help, value] of rows) {
    out.one(`kafka_controller_kafkacontroller_${name}`, "gauge", help, value);
  }
  yield;
  yield* eachBroker(out, brokers, node);
  yield* electionsOf(out, node);
}

function* eachBroker(
  out: MetricsText,
  brokers: readonly BrokerRegistration[],
  node: MetadataNode,
): Iterable<void> {
  for (const [name, help, value] of [
    ["brokerregistrationstate", "10 is fenced, 20 wants to stop, 30 is active", stateOf],
    [
      "timesincelastheartbeatreceivedms",
      "Since a broker was heard of, ms",
      ({ id }: BrokerRegistration) => node.silenceMs(id),
    ],
  ] as const) {
    // Only the active controller is told.
    if (value !== stateOf && !node.raft.isLeader) continue;
    out.family(`kafka_controller_kafkacontroller_${name}`, "gauge", help);
    for (const broker of brokers) out.sample(value(broker), labelText({ broker: `${broker.id}` }));
  }
  yield;
}

function* electionsOf(out: MetricsText, { stats }: MetadataNode): Iterable<void> {
  const { uncleanElectionCount, elrElectionCount } = stats;
  for (const [name, help, value] of [
    ["uncleanleaderelections", "Leaders elected that may lack records", uncleanElectionCount],
    [
      "electionfromeligibleleaderreplicas",
      "Leaders elected that were out of sync, and lack no records",
      elrElectionCount,
    ],
  ] as const) {
    out.one(`kafka_controller_controllerstats_${name}`, "counter", help, value);
  }
  yield;
}

/** Kafka's numbers. */
function stateOf({ fenced, inControlledShutdown }: BrokerRegistration): number {
  if (fenced) return 10;
  return inControlledShutdown ? 20 : 30;
}
