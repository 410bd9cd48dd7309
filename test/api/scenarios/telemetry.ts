import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { compress } from "../../../src/protocol/compression.ts";
import { apiVersions } from "../../../src/protocol/messages/18-api-versions.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { getTelemetrySubscriptions } from "../../../src/protocol/messages/71-get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../../../src/protocol/messages/72-push-telemetry.ts";
import { listConfigResources } from "../../../src/protocol/messages/74-list-config-resources.ts";
import type { Asker, Scenario } from "../asker.ts";

const CLIENT_METRICS = 16;
const [SET, DELETE] = [0, 1] as const;
const [NONE, GZIP, SNAPPY, LZ4, ZSTD] = [0, 1, 2, 3, 4] as const;
const INTERVAL_MS = 100;
const SIZE_MAX = 10_000;
const ADA = "YWRhIGFkYSBhZGEgYWRhIA";
const BOB = "Ym9iIGJvYiBib2IgYm9iIA";
const CAROL = "Y2Fyb2wgY2Fyb2wgY2Fybw";
const RESERVED = "AAAAAAAAAAAAAAAAAAAAYw";
/** One ResourceMetrics with nothing in it. */
const METRICS = Buffer.of(0x0a, 0x00);

/** Kafka exports to a class of the compatibility drivers, Bunka to a collector that is not there. */
export const telemetryScenario: Scenario = {
  name: "telemetry",
  settings: {
    "metric.reporters": "MetricsSink",
    "bunka.otlp.endpoint": "http://127.0.0.1:9",
    "telemetry.max.bytes": String(SIZE_MAX),
  },
  async run(asker) {
    const software = { clientSoftwareName: "some-client", clientSoftwareVersion: "1.2" };
    await asker.ask(apiVersions, 4, software, "with telemetry", (response) => {
      response.apiKeys = response.apiKeys.filter(({ apiKey }) => apiKey === 71 || apiKey === 72);
      response.supportedFeatures = [];
      response.finalizedFeatures = [];
      response.finalizedFeaturesEpoch = 0;
    });
    await askWithoutSubscriptions(asker);
    await subscribe(asker, "fast", `metrics=org.apache.kafka.;interval.ms=${INTERVAL_MS}`);
    await asker.until(async () => (await wanted(asker, ADA)).pushIntervalMs === INTERVAL_MS);
    await askAndPush(asker);
    await changeSubscriptions(asker);
  },
};

async function askWithoutSubscriptions(asker: Asker): Promise<void> {
  await ask(asker, ADA);
  await ask(asker, ADA, "too soon");
  await push(asker, ADA, {}, "not what it was told");
  await push(asker, ADA, {}, "too soon");
  await push(asker, ZERO_UUID, {}, "without an id");
  await push(asker, RESERVED, {}, "with an id of Kafka's");
  await push(asker, BOB, {}, "never heard of");
  await ask(asker, BOB, "after an error");
  await ask(asker, ZERO_UUID, "without an id");
}

async function askAndPush(asker: Asker): Promise<void> {
  const { subscriptionId } = await wanted(asker, BOB);
  const inTime = () => asker.sleep(INTERVAL_MS * 2);
  const own = { subscriptionId };
  await push(asker, BOB, own, "at once");
  await push(asker, BOB, own, "too soon");
  for (const compressionType of [NONE, GZIP, SNAPPY, LZ4, ZSTD]) {
    await inTime();
    const metrics = compress(compressionType, METRICS);
    await push(asker, BOB, { ...own, compressionType, metrics }, `codec ${compressionType}`);
  }
  await inTime();
  await push(asker, BOB, { ...own, compressionType: 5 }, "no such codec");
  await ask(asker, BOB, "after an error");
  await push(asker, BOB, { ...own, compressionType: GZIP, metrics: METRICS }, "not of its codec");
  await inTime();
  await push(asker, BOB, { ...own, metrics: Buffer.alloc(0) }, "nothing");
  await inTime();
  await push(asker, BOB, { ...own, metrics: Buffer.alloc(SIZE_MAX + 1) }, "too much");
  for (const compressionType of [GZIP, SNAPPY, LZ4, ZSTD]) {
    await inTime();
    const metrics = compress(compressionType, Buffer.alloc(SIZE_MAX * 10));
    await push(asker, BOB, { ...own, compressionType, metrics }, "a bomb");
  }
  await inTime();
  await push(asker, BOB, { ...own, terminating: true }, "the last");
  await push(asker, BOB, { ...own, terminating: true }, "one more");
  await push(asker, BOB, own, "after the last");
}

async function changeSubscriptions(asker: Asker): Promise<void> {
  await subscribe(asker, "all", "metrics=*;match=client_software_name=some-.*");
  await subscribe(asker, "others", "metrics=x.;interval.ms=100;match=client_id=another");
  await subscribe(asker, "by id", `metrics=y.;match=client_id=scen.*,client_instance_id=${CAROL}`);
  await asker.until(async () => (await wanted(asker, CAROL)).requestedMetrics[0] === "*");
  await asker.sleep(INTERVAL_MS * 2);
  await ask(asker, CAROL, "all");
  await subscribe(asker, "all", null);
  await subscribe(asker, "fast", null);
  await asker.until(async () => (await wanted(asker, CAROL)).requestedMetrics[0] === "y.");
  await asker.ask(listConfigResources, 0, {});
  await ask(asker, ADA, "after a change");
}

function ask(asker: Asker, clientInstanceId: string, label = "") {
  return asker.ask(getTelemetrySubscriptions, 0, { clientInstanceId }, label, (response) => {
    response.subscriptionId = Math.abs(Math.sign(response.subscriptionId));
  });
}

function wanted(asker: Asker, clientInstanceId: string) {
  return asker.quietly(getTelemetrySubscriptions, 0, { clientInstanceId });
}

async function push(
  asker: Asker,
  clientInstanceId: string,
  changes: Partial<{
    subscriptionId: number;
    terminating: boolean;
    compressionType: number;
    metrics: Buffer;
  }>,
  label: string,
): Promise<void> {
  const response = await asker.quietly(pushTelemetry, 0, {
    clientInstanceId,
    subscriptionId: 0,
    terminating: false,
    compressionType: NONE,
    metrics: METRICS,
    ...changes,
  });
  asker.remember(`PushTelemetry v0: ${label}`, response);
}

/** "name=value" with ";" between; null takes all of it away. */
async function subscribe(asker: Asker, name: string, text: string | null): Promise<void> {
  const pairs = (text ?? "metrics=;interval.ms=;match=").split(";");
  const configs = pairs.map((pair) => {
    const equals = pair.indexOf("=");
    const configOperation = text === null ? DELETE : SET;
    const value = text === null ? null : pair.slice(equals + 1);
    return { name: pair.slice(0, equals), configOperation, value };
  });
  await asker.ask(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: CLIENT_METRICS, resourceName: name, configs }],
    validateOnly: false,
  });
}
