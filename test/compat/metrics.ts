/**
 * What Prometheus' own parsers make of a node's metrics, after a client has used it; and whether
 * three nodes of a cluster show of controllers, the quorum and replication what three of Kafka do.
 *
 *   bun test/compat/metrics.ts [--record]
 *
 * `--record` asks three nodes of Kafka for their names: expected/metrics.json.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endBySignals } from "../../bench/kit/children.ts";
import { Connection, createTopic, fetchOnce, produceBatch } from "../end-to-end/client.ts";
import { batchOf } from "../log/log-fixture.ts";
import { checkClusterMetrics, recordClusterMetrics } from "./cluster/metrics-of-nodes.ts";
import { CACHE, COMPAT_FOLDER, installKafka, installPythonDriver } from "./harness/install.ts";
import { run } from "./harness/process.ts";
import { freePorts, startTarget } from "./harness/target.ts";

export interface Check {
  readonly check: string;
  readonly passed: boolean;
  readonly note: string;
}

const { values: flags } = parseArgs({ options: { record: { type: "boolean", default: false } } });

endBySignals();
const folder = mkdtempSync(join(tmpdir(), "bunka-metrics-"));
try {
  if (flags.record) {
    await installKafka();
    await recordClusterMetrics(folder);
  } else {
    await installPythonDriver("prometheus");
    const checks = [...(await checkOneNode()), ...(await checkClusterMetrics(folder))];
    const failed = checks.filter(({ passed }) => !passed);
    for (const { check, note } of failed) console.log(`failed: ${check}: ${note}`);
    console.log(`${checks.length - failed.length} passed, ${failed.length} failed`);
    process.exitCode = failed.length === 0 && checks.length > 0 ? 0 : 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function checkOneNode(): Promise<Check[]> {
  const listener = `http://127.0.0.1:${freePorts(1)[0]}`;
  const own = join(folder, "one");
  const target = await startTarget("bunka", own, { "bunka.metrics.listener": listener });
  try {
    using connection = await Connection.open(Number(target.bootstrap.split(":")[1]));
    await createTopic(connection, "scraped", 2);
    await produceBatch(connection, "scraped", 0, batchOf({ count: 3 }));
    await fetchOnce(connection, "scraped", 0, 0);
    const python = join(CACHE, "venv-prometheus/bin/python");
    const driver = join(COMPAT_FOLDER, "drivers/prometheus/driver.py");
    const output = await run([python, "-B", driver, `${listener}/metrics`]);
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Check);
  } finally {
    await target.stop();
  }
}
