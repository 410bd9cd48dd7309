/**
 * The few settings that are Bunka's own, for what Kafka leaves to a Java class of its owner's. They
 * are read from the file of settings and the command line, once.
 *
 *     bunka.otlp.endpoint=http://127.0.0.1:4318        where metrics of clients go (KIP-714)
 *     bunka.otlp.headers=authorization=Bearer xyz      for each request there, with commas between
 */
import { SettingError } from "./setting-error.ts";
import type { SettingTexts } from "./settings.ts";

const ENDPOINT = "bunka.otlp.endpoint";
const HEADERS = "bunka.otlp.headers";
/** As OpenTelemetry's own exporters complete an address without a path. */
const METRICS_PATH = "/v1/metrics";

export const OWN_SETTINGS: ReadonlySet<string> = new Set([ENDPOINT, HEADERS]);

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
