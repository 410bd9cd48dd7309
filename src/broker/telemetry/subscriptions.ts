/**
 * Which metrics which clients are asked for (KIP-714): the client-metrics resources of the
 * metadata, with patterns that no client's name can slow down.
 */
import { type LinearPattern, compilePattern } from "../../base/linear-pattern.ts";
import { ConfigResourceType } from "../../metadata/configs-image.ts";
import type { MetadataImage } from "../../metadata/image.ts";
import { splitList } from "../settings/value.ts";

/** What patterns are matched with, by Kafka's names. */
export type ClientAttributes = ReadonlyMap<string, string>;

export interface Wanted {
  /** Sorted prefixes of names; one "*" for all. */
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
}

interface Subscription {
  readonly metrics: readonly string[];
  readonly intervalMs: number;
  readonly patterns: ReadonlyMap<string, LinearPattern>;
  /** One of its patterns is none: it is for nobody. */
  readonly isBroken: boolean;
}

const INTERVAL_MS_DEFAULT = 300_000;
const ALL = "*";

export class Subscriptions {
  /** Grows with every change: clients are asked for something else then. */
  version = 0;
  #all: readonly Subscription[] = [];

  /** After a client-metrics resource has changed, and at the start. */
  read({ configs }: MetadataImage): void {
    const names = [...configs.names(ConfigResourceType.CLIENT_METRICS)];
    this.#all = names.map((name) =>
      subscriptionOf(configs.of(ConfigResourceType.CLIENT_METRICS, name)),
    );
    this.version++;
  }

  wantedOf(client: ClientAttributes): Wanted {
    const own = this.#all.filter((subscription) => isFor(subscription, client));
    const metrics = new Set(own.flatMap((subscription) => subscription.metrics));
    const intervals = own.map(({ intervalMs }) => intervalMs);
    return {
      metrics: metrics.has(ALL) ? [ALL] : [...metrics].sort(),
      pushIntervalMs: Math.min(INTERVAL_MS_DEFAULT, ...intervals),
    };
  }
}

function subscriptionOf(texts: ReadonlyMap<string, string>): Subscription {
  const patterns = new Map<string, LinearPattern>();
  let isBroken = false;
  for (const pair of splitList(texts.get("match") ?? "")) {
    const equals = pair.indexOf("=");
    const pattern = compilePattern(pair.slice(equals + 1).trim());
    if ("problem" in pattern) isBroken = true;
    else patterns.set(pair.slice(0, equals).trim(), pattern);
  }
  return {
    metrics: splitList(texts.get("metrics") ?? ""),
    intervalMs: Number(texts.get("interval.ms") ?? INTERVAL_MS_DEFAULT),
    patterns,
    isBroken,
  };
}

function isFor({ patterns, isBroken }: Subscription, client: ClientAttributes): boolean {
  if (isBroken) return false;
  return [...patterns].every(([name, pattern]) => {
    const text = client.get(name);
    return text !== undefined && pattern.matches(text);
  });
}
