/**
 * The names that Kafka's metrics have for collectors (facts/metric-names.json): of a live Kafka
 * 4.3.1 after it had been used, asked with its JmxTool for all beans of kafka.*, and turned into
 * names as jmx_exporter's kafka-kraft-3_0_0.yml does. Those of its own client connections are left
 * out.
 */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const RECORDED: ReadonlySet<string> = new Set(
  JSON.parse(
    readFileSync(join(import.meta.dir, "facts/metric-names.json"), "utf8"),
  ) as readonly string[],
);

/** What that Kafka had no occasion for, what has a rule of its own, and Strimzi's names. */
const OTHERS: readonly RegExp[] = [
  /^kafka_server_quota_/,
  /^kafka_server_sharepartitionmetrics_/,
  /^kafka_server_raftmetrics_/,
  /^kafka_server_raft_metrics_current_state_info$/,
  /^kafka_server_socket_server_metrics_connections_software$/,
  /^kafka_server_fetcher(lagmetrics|stats)_/,
  /_percent$/,
  /^kafka_log_logmanager_logdirectoryoffline$/,
  /^kafka_server_transaction_coordinator_metrics_transactional_id_count$/,
];

/** Names with `kafka_` in front are Kafka's, or they would mean something else to dashboards. */
export function expectKafkasNames(names: Iterable<string>): void {
  const strange = new Set<string>();
  for (const name of names) {
    const isKnown = RECORDED.has(name) || OTHERS.some((pattern) => pattern.test(name));
    if (name.startsWith("kafka_") && !isKnown) strange.add(name);
  }
  expect([...strange]).toEqual([]);
}
