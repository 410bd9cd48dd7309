/** Metrics of the real program: over HTTP, as a table, and how little they cost. */
import { afterAll, expect } from "bun:test";
import { gunzipSync } from "node:zlib";
import { expectKafkasNames } from "../broker/kafka-metric-names.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import { batchOf } from "../log/log-fixture.ts";
import { Connection, createTopic, produceBatch } from "./client.ts";
import { faultTest } from "./faults.ts";

afterAll(killLeftovers);

const OPEN = "application/openmetrics-text";
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/;

faultTest("a node shows what it does to collectors, and to whoever sends SIGUSR1", async () => {
  using scratch = new Scratch();
  const overrides = { "bunka.metrics.listener": "http://127.0.0.1:0" };
  const broker = await BrokerProcess.start(scratch.path, overrides, { logLevel: "info" });
  const line = await broker.line(/listening on http:/);
  const url = `${/http:\S+/.exec(line)![0]}/metrics`;
  using connection = await Connection.open(broker.port);
  await createTopic(connection, "seen", 2);
  await createTopic(connection, "packed", 1, { "compression.type": "zstd" });
  for (const topic of ["seen", "seen", "packed"]) {
    await produceBatch(connection, topic, 0, batchOf({ count: 100, valueSize: 1000 }));
  }

  const plain = await fetch(url, { headers: { Accept: "text/plain" } });
  expect(plain.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const samples = checked(await plain.text());
  expect(
    samples.get('kafka_network_requestmetrics_errors_total{request="CreateTopics",error="NONE"}'),
  ).toBe(2);
  expect(samples.get("kafka_server_replicamanager_partitioncount")).toBe(3);
  const ofProduce = (name: string, share: string) =>
    samples.get(`kafka_network_requestmetrics_${name}{request="Produce",quantile="${share}"}`);
  // One of three was compressed anew.
  expect(ofProduce("messageconversionstimems", "0.50")).toBe(0);
  expect(ofProduce("messageconversionstimems", "0.999")).toBeGreaterThan(0);
  expect(ofProduce("temporarymemorybytes", "0.50")).toBe(0);
  expect(ofProduce("temporarymemorybytes", "0.999")).toBeGreaterThan(100_000);
  const conversions = "kafka_network_requestmetrics_messageconversionstimems_count";
  expect(samples.get(`${conversions}{request="Produce"}`)).toBe(3);
  expect(samples.has(`${conversions}{request="CreateTopics"}`)).toBe(false);
  expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);

  const headers = { Accept: `${OPEN};version=1.0.0,text/plain;q=0.5`, "Accept-Encoding": "gzip" };
  const open = await fetch(url, { headers, decompress: false });
  expect(open.headers.get("content-type")).toStartWith(OPEN);
  const text = gunzipSync(await open.arrayBuffer()).toString();
  expect(text).toEndWith("\n# EOF\n");
  expect((await fetch(url.replace("metrics", "secret"))).status).toBe(404);
  expect((await fetch(url, { method: "DELETE" })).status).toBe(405);

  broker.child.kill("SIGUSR1");
  await broker.line(/^event loop/);
  expect(broker.out.some((row) => row.startsWith("CreateTopics"))).toBe(true);
  await broker.stop();
});

/** Each sample once, behind the header of its family. */
function checked(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const families = new Set<string>();
  const names = new Set<string>();
  let family = "";
  expect(text).toEndWith("\n");
  for (const line of text.split("\n").slice(0, -1)) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|untyped)$/.exec(line);
    if (type !== null) {
      family = type[1]!;
      expect(families.has(family)).toBe(false);
      families.add(family);
    }
    if (line.startsWith("#")) continue;
    const match = SAMPLE.exec(line);
    expect([line, match === null]).toEqual([line, false]);
    const [, name = "", labels = "", value = ""] = match!;
    expect(name).toStartWith(family);
    const key = `${name}${labels}`;
    expect(samples.has(key)).toBe(false);
    names.add(name);
    samples.set(key, Number(value.replace("Inf", "Infinity")));
  }
  expectKafkasNames(names);
  return samples;
}
