/** All that a broker tells beside its requests, once it has started. */
import { type Families, labelText } from "../../base/metrics-text.ts";
import type { BrokerNode } from "../broker-node.ts";
import { metricsPartitionsMax } from "../settings/own-settings.ts";
import { clientFamilies } from "./client-families.ts";
import { controllerFamilies } from "./controller-families.ts";
import { coordinatorFamilies } from "./coordinator-families.ts";
import { logFamilies } from "./log-families.ts";
import { partitionFamilies } from "./partition-families.ts";
import { quorumFamilies } from "./quorum-families.ts";
import { assignmentFamilies, replicationFamilies } from "./replication-families.ts";
import { shareFamilies } from "./share-families.ts";
import { topicFamilies } from "./topic-families.ts";

export function brokerFamilies(broker: BrokerNode): Families {
  const { partitions, nodeId, fetchSessions, quotas, logs, world, settings } = broker;
  const partitionsMax = metricsPartitionsMax(settings.static);
  const timeoutMaxMs = () => settings.get("transaction.max.timeout.ms");
  const lateBeforeMs = () => world.clock.wallMs() - timeoutMaxMs() - LATE_MS;
  const all = [
    serverFamilies(broker),
    topicFamilies(partitions, logs, partitionsMax),
    partitionFamilies(partitions, fetchSessions, nodeId, partitionsMax, lateBeforeMs),
    replicationFamilies(partitions, broker.replication, partitionsMax),
    controllerFamilies(() => broker.metadata, world.clock),
    quorumFamilies(() => broker.metadata, broker.supportedFeatures, world.clock),
    assignmentFamilies(() => broker.waitingAssignmentCount),
    logFamilies(logs),
    coordinatorFamilies(() => broker.madeCoordinators, world.clock),
    shareFamilies(() => broker.madeCoordinators, partitionsMax, world.clock),
    clientFamilies(fetchSessions, quotas, world.clock),
  ];
  return function* (out) {
    for (const families of all) yield* families(out);
  };
}

/** Beyond the longest timeout; as Kafka. */
const LATE_MS = 5 * 60_000;

/** BrokerState.RUNNING of Kafka: before and behind it nobody is answered. */
const RUNNING = 3;

function serverFamilies({ clusterId, nodeId }: BrokerNode): Families {
  return function* (out) {
    const name = "kafka_server_kafkaserver_brokerstate";
    out.one(name, "gauge", "3 while the broker runs", RUNNING);
    const info = "bunka_node_info";
    const labels = labelText({ clusterId, nodeId: `${nodeId}` });
    out.one(info, "gauge", "Who this is", 1, labels);
    yield;
  };
}
