/** KIP-714: what a subscription to the metrics of clients may say. */
import { compilePattern } from "../../base/linear-pattern.ts";
import { refusal, type Refusal } from "../../metadata/controller/command.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { clientMetricsSettings } from "./entity-settings.ts";
import { SettingError } from "./setting-error.ts";
import type { Setting } from "./setting.ts";
import type { SettingTexts } from "./settings.ts";
import { parseSetting, splitList } from "./value.ts";

const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 3_600_000;

const MATCHED = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
];

const table: ReadonlyMap<string, Setting> = new Map(Object.entries(clientMetricsSettings));

export function checkClientMetrics(texts: SettingTexts): Refusal | null {
  for (const name of texts.keys()) {
    if (table.has(name)) continue;
    return refusal(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`);
  }
  try {
    for (const [name, setting] of table) {
      const text = texts.get(name);
      if (text !== undefined) parseSetting(name, setting, text);
    }
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    return refusal(ErrorCode.INVALID_CONFIG, error.message);
  }
  return checkInterval(texts.get("interval.ms")) ?? checkPatterns(texts.get("match"));
}

function checkInterval(text: string | undefined): Refusal | null {
  if (text === undefined) return null;
  const intervalMs = Number(text);
  if (intervalMs >= INTERVAL_MS_MIN && intervalMs <= INTERVAL_MS_MAX) return null;
  return refusal(
    ErrorCode.INVALID_REQUEST,
    `Invalid value ${intervalMs} for interval.ms, interval must be between ${INTERVAL_MS_MIN} ` +
      `and ${INTERVAL_MS_MAX} (1 hour)`,
  );
}

/** `what=regular expression`, of which all must match a client. */
function checkPatterns(text: string | undefined): Refusal | null {
  for (const pattern of splitList(text ?? "")) {
    const [what = "", expression = "", ...rest] = pattern.split("=");
    const known = MATCHED.includes(what.trim()) && expression !== "" && rest.length === 0;
    if (known && !("problem" in compilePattern(expression.trim()))) continue;
    const message = `Illegal client matching pattern: ${pattern}`;
    return refusal(ErrorCode.INVALID_CONFIG, message);
  }
  return null;
}
