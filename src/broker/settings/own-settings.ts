/**
 * The few settings that are Bunka's own, for what Kafka leaves to a Java class of its owner's. They
 * are read from the file of settings and the command line, once.
 *
 *     bunka.otlp.endpoint=http://127.0.0.1:4318        where metrics of clients go (KIP-714)
 *     bunka.otlp.headers=authorization=Bearer xyz      for each request there, with commas between
 *     bunka.metrics.listener=http://127.0.0.1:9404     where Prometheus finds /metrics of this node
 *     bunka.metrics.partitions.max=10000               so many are shown there one by one
 */
import { SettingError } from "./setting-error.ts";
import type { SettingTexts } from "./settings.ts";

const ENDPOINT = "bunka.otlp.endpoint";
const HEADERS = "bunka.otlp.headers";
/** As OpenTelemetry's own exporters complete an address without a path. */
const METRICS_PATH = "/v1/metrics";

const METRICS_LISTENER = "bunka.metrics.listener";
const METRICS_PARTITIONS_MAX = "bunka.metrics.partitions.max";
const PARTITIONS_MAX_DEFAULT = 10_000;

export const OWN_SETTINGS: ReadonlySet<string> = new Set([
  ENDPOINT,
  HEADERS,
  METRICS_LISTENER,
  METRICS_PARTITIONS_MAX,
]);

export interface MetricsListener {
  /** Empty for every address. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** Null where nobody is to fetch metrics. Throws a `SettingError`. */
export function metricsListener(texts: SettingTexts): MetricsListener | null {
  const text = texts.get(METRICS_LISTENER)?.trim() ?? "";
  if (text === "") return null;
  const match = LISTENER.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > PORT_MAX) {
    const wanted = "http://HOST:PORT is expected";
    throw new SettingError(
      `Invalid value ${text} for configuration ${METRICS_LISTENER}: ${wanted}`,
    );
  }
  const host = match[1] ?? match[2]!;
  return { host: host === "0.0.0.0" || host === "::" ? "" : host, port };
}

/** Of more partitions the first are shown. Throws a `SettingError`. */
export function metricsPartitionsMax(texts: SettingTexts): number {
  const text = texts.get(METRICS_PARTITIONS_MAX)?.trim() ?? "";
  if (text === "") return PARTITIONS_MAX_DEFAULT;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new SettingError(
    `Invalid value ${text} for configuration ${METRICS_PARTITIONS_MAX}: a number is expected`,
  );
}

/** An address of IPv6 stands in brackets. */
const LISTENER = /^http:\/\/(?:\[([0-9a-f:.]+)\]|([^/:[\]]*)):(\d{1,5})(?:\/metrics)?\/?$/i;
const PORT_MAX = 65_535;

export interface OtlpTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Null where no collector is named. Throws a `SettingError`. */
export function otlpTarget(texts: SettingTexts): OtlpTarget | null {
  const endpoint = texts.get(ENDPOINT)?.trim() ?? "";
  const headers = headersOf(texts.get(HEADERS)?.trim() ?? "");
  if (endpoint === "") return null;
  const url = URL.parse(endpoint);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new SettingError(`Invalid value ${endpoint} for configuration ${ENDPOINT}: no HTTP URL`);
  }
  if (url.pathname === "/") url.pathname = METRICS_PATH;
  return { url: url.href, headers };
}

function headersOf(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of text.split(",").filter((each) => each.trim() !== "")) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    if (!/^[A-Za-z0-9-]+$/.test(name)) {
      throw new SettingError(`Invalid value for configuration ${HEADERS}: name=value is expected`);
    }
    headers[name.toLowerCase()] = pair.slice(equals + 1).trim();
  }
  return headers;
}
