/**
 * What Prometheus' own parsers make of a node's metrics, after a client has used it.
 *
 *   bun test/compat/metrics.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBySignals } from "../../bench/kit/children.ts";
import { Connection, createTopic, fetchOnce, produceBatch } from "../end-to-end/client.ts";
import { batchOf } from "../log/log-fixture.ts";
import { CACHE, COMPAT_FOLDER, installPythonDriver } from "./harness/install.ts";
import { run } from "./harness/process.ts";
import { freePorts, startTarget } from "./harness/target.ts";

interface Check {
  readonly check: string;
  readonly passed: boolean;
  readonly note: string;
}

endBySignals();
await installPythonDriver("prometheus");
const folder = mkdtempSync(join(tmpdir(), "bunka-metrics-"));
const listener = `http://127.0.0.1:${freePorts(1)[0]}`;
const target = await startTarget("bunka", folder, { "bunka.metrics.listener": listener });
try {
  using connection = await Connection.open(Number(target.bootstrap.split(":")[1]));
  await createTopic(connection, "scraped", 2);
  await produceBatch(connection, "scraped", 0, batchOf({ count: 3 }));
  await fetchOnce(connection, "scraped", 0, 0);
  const python = join(CACHE, "venv-prometheus/bin/python");
  const driver = join(COMPAT_FOLDER, "drivers/prometheus/driver.py");
  const output = await run([python, "-B", driver, `${listener}/metrics`]);
  const checks = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Check);
  const failed = checks.filter(({ passed }) => !passed);
  for (const { check, note } of failed) console.log(`failed: ${check}: ${note}`);
  console.log(`${checks.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 && checks.length > 0 ? 0 : 1;
} finally {
  await target.stop();
  rmSync(folder, { recursive: true, force: true });
}
