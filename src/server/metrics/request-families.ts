/**
 * What requests cost, for collectors: under the names that Kafka's JMX beans have in Prometheus by
 * jmx_exporter's example kafka-kraft-3_0_0.yml, quantiles of the last minutes; and by listener as
 * histograms of Prometheus, which can be added up over nodes.
 *
 *   kafka_network_requestmetrics_totaltimems{request="Produce",quantile="0.99"} 0.412
 *   bunka_request_total_seconds_bucket{listener="PLAINTEXT",request="Produce",le="0.001"} 90412
 *
 * Requests that nobody has sent yet are not there.
 */
import { OTHER_KIND } from "../../api/request.ts";
import type { Histogram } from "../../base/histogram.ts";
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import type { Clock } from "../../base/world.ts";
import { errorName } from "../../protocol/error-code.ts";
import { KindStats, type Measure, type RequestStats, VERSIONS_MAX } from "../request-stats.ts";

/** The names of APIs, by their keys. */
export type ApiNames = ReadonlyMap<number, string>;

/** A name of Kafka's, what it says, which measure, and how many of the measure make one. */
const KAFKA: readonly (readonly [string, string, Measure, number])[] = [
  ["requestqueuetimems", "Waiting behind requests of its connection", "queueUs", 1000],
  ["localtimems", "The handler's own time", "localUs", 1000],
  ["remotetimems", "Waiting for others: flushes, replicas, records", "remoteUs", 1000],
  ["throttletimems", "Silence that was asked of the client", "throttleUs", 1000],
  ["responsequeuetimems", "The answer waiting for those before it", "responseQueueUs", 1000],
  ["responsesendtimems", "Until the kernel had the answer", "sendUs", 1000],
  ["totaltimems", "From the whole request to the whole answer", "totalUs", 1000],
  ["requestbytes", "Bytes of the request behind its header", "requestBytes", 1],
];

/** Of produce requests and fetches alone. */
const KAFKA_RECORDS: typeof KAFKA = [
  ["messageconversionstimems", "Writing records anew", "conversionUs", 1000],
  ["temporarymemorybytes", "Memory for compressed records", "temporaryBytes", 1],
];
const HAS_RECORDS: ReadonlySet<string> = new Set([
  "Produce",
  "Fetch",
  "FetchConsumer",
  "FetchFollower",
]);

const QUANTILES = ["0.50", "0.75", "0.95", "0.98", "0.99", "0.999"];
const SHARES = QUANTILES.map(Number);

const OURS: readonly (readonly [string, string, Measure, number])[] = [
  ["bunka_request_queue_seconds", "Waiting behind requests of its connection", "queueUs", 1e-6],
  ["bunka_request_local_seconds", "The handler's own time", "localUs", 1e-6],
  ["bunka_request_remote_seconds", "Waiting for flushes, replicas, records", "remoteUs", 1e-6],
  ["bunka_request_throttle_seconds", "Silence asked of the client", "throttleUs", 1e-6],
  ["bunka_response_queue_seconds", "Waiting for answers before it", "responseQueueUs", 1e-6],
  ["bunka_response_send_seconds", "Until the kernel had the answer", "sendUs", 1e-6],
  ["bunka_request_total_seconds", "From whole request to whole answer", "totalUs", 1e-6],
  ["bunka_request_bytes", "Bytes of the request behind its header", "requestBytes", 1],
  ["bunka_response_bytes", "Bytes of the answer", "responseBytes", 1],
];
export const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216];

/** Under which names Kafka counts requests of a kind: beside the API's, or in its place. */
function kindNames(api: string, variant: number): readonly string[] {
  const isOther = variant === OTHER_KIND;
  if (api === "Fetch") return [api, isOther ? "FetchFollower" : "FetchConsumer"];
  if (isOther && api === "AddPartitionsToTxn") return ["AddPartitionsToTxnVerification"];
  if (isOther && api === "ListConfigResources") return [api, "ListClientMetricsResources"];
  return [api];
}

export function requestFamilies(stats: RequestStats, names: ApiNames, clock: Clock): Families {
  const quantiles = new Map<string, RecentQuantiles>();
  const recent = (key: string, histogram: Histogram): number[] => {
    const known = quantiles.get(key) ?? new RecentQuantiles();
    quantiles.set(key, known);
    return known.read(histogram, SHARES, clock.monotonicMs());
  };
  return function* (out) {
    const kinds = byName(stats, names);
    yield* countFamilies(out, stats, names, kinds);
    const withRecords = new Map([...kinds].filter(([name]) => HAS_RECORDS.has(name)));
    const rows = [
      ...KAFKA.map((row) => [row, kinds] as const),
      ...KAFKA_RECORDS.map((row) => [row, withRecords] as const),
    ];
    for (const [[name, help, measure, unit], counted] of rows) {
      const family = `kafka_network_requestmetrics_${name}`;
      out.family(`${family}_count`, "unknown", help);
      for (const [request, kind] of counted) out.sample(kind.count, labelText({ request }));
      out.family(family, "gauge", help);
      for (const [request, kind] of counted) {
        const values = recent(`${request}|${name}`, kind.histogram(measure));
        for (const [index, quantile] of QUANTILES.entries()) {
          out.sample(values[index]! / unit, labelText({ request, quantile }));
        }
        yield;
      }
    }
    yield* listenerFamilies(out, stats, names);
  };
}

/** What all listeners have counted, by Kafka's names. */
export function byName(stats: RequestStats, names: ApiNames): ReadonlyMap<string, KindStats> {
  const found = new Map<string, KindStats[]>();
  for (const listener of stats) {
    for (const api of listener) {
      for (const [variant, kind] of api.kinds.entries()) {
        if (kind === undefined || kind.count === 0) continue;
        for (const name of kindNames(names.get(api.apiKey) ?? `${api.apiKey}`, variant)) {
          found.set(name, [...(found.get(name) ?? []), kind]);
        }
      }
    }
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([name, kinds]) => [name, KindStats.sum(kinds)]));
}

function* countFamilies(
  out: MetricsText,
  stats: RequestStats,
  names: ApiNames,
  kinds: ReadonlyMap<string, KindStats>,
): Iterable<void> {
  out.family("kafka_network_requestmetrics_requests", "counter", "Requests answered");
  for (const [request, { versionCounts }] of kinds) {
    for (let version = 0; version < VERSIONS_MAX; version++) {
      const count = versionCounts[version]!;
      if (count > 0) out.sample(count, labelText({ request, version: `${version}` }));
    }
  }
  yield;
  out.family("kafka_network_requestmetrics_errors", "counter", "Error codes in answers");
  const errors = new Map<string, number>();
  for (const listener of stats) {
    for (const { apiKey, errorCounts } of listener) {
      const request = names.get(apiKey) ?? `${apiKey}`;
      for (const [index, count] of errorCounts.entries()) {
        if (count === 0) continue;
        const labels = labelText({ request, error: errorName(index - 1) });
        errors.set(labels, (errors.get(labels) ?? 0) + count);
      }
    }
  }
  for (const [labels, count] of errors) out.sample(count, labels);
  yield;
}

function* listenerFamilies(out: MetricsText, stats: RequestStats, names: ApiNames): Iterable<void> {
  for (const [name, help, measure, unit] of OURS) {
    out.family(name, "histogram", help);
    for (const listener of stats) {
      for (const { apiKey, kinds } of listener) {
        for (const [variant, kind] of kinds.entries()) {
          if (kind === undefined || kind.count === 0) continue;
          // The narrowest name: each request is counted once.
          const request = kindNames(names.get(apiKey) ?? `${apiKey}`, variant).at(-1)!;
          const bounds = unit === 1 ? BYTES : SECONDS;
          out.histogram(kind.histogram(measure), bounds, unit, {
            listener: listener.name,
            request,
          });
          yield;
        }
      }
    }
  }
}
