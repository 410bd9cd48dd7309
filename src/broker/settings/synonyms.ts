/**
 * Settings that say the same thing by other names, the strongest first.
 *
 * Two kinds: a unit in the name (`log.retention.ms` before `.minutes` before `.hours`), and a
 * listener in the name (`listener.name.internal.max.connections` before `max.connections`).
 */

/** A name, and by what its number is multiplied to give the unit of the first of its chain. */
export interface Synonym {
  readonly name: string;
  readonly factor: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const CHAINS: readonly (readonly Synonym[])[] = [
  [
    { name: "log.roll.ms", factor: 1 },
    { name: "log.roll.hours", factor: HOUR_MS },
  ],
  [
    { name: "log.roll.jitter.ms", factor: 1 },
    { name: "log.roll.jitter.hours", factor: HOUR_MS },
  ],
  [
    { name: "log.retention.ms", factor: 1 },
    { name: "log.retention.minutes", factor: MINUTE_MS },
    { name: "log.retention.hours", factor: HOUR_MS },
  ],
];

/** Only one way: describing the scheduler's interval does not name the flush interval. */
const FLUSH_CHAIN: readonly Synonym[] = [
  { name: "log.flush.interval.ms", factor: 1 },
  { name: "log.flush.scheduler.interval.ms", factor: 1 },
];

const LISTENER_PREFIX = /^listener\.name\.[^.]*\.(.*)$/;

/** Settings that a listener's prefix precedes together with the name of a SASL mechanism. */
const MECHANISM_SETTINGS = [
  "sasl.jaas.config",
  "sasl.login.callback.handler.class",
  "sasl.login.class",
  "sasl.server.callback.handler.class",
  "connections.max.reauth.ms",
];

/** The chain that a name stands in; itself alone when it stands in none. */
export function unitSynonyms(name: string): readonly Synonym[] {
  if (name === "log.flush.interval.ms") return FLUSH_CHAIN;
  const chain = CHAINS.find((links) => links.some((link) => link.name === name));
  return chain ?? [{ name, factor: 1 }];
}

/** The setting behind a listener's prefix; null when the name has no such prefix. */
export function listenerBaseName(name: string): string | null {
  return LISTENER_PREFIX.exec(name)?.[1] ?? null;
}

/** All names that say what `name` says, the strongest first, as DescribeConfigs lists them. */
export function brokerSynonyms(name: string): string[] {
  const base = listenerBaseName(name);
  if (base === null) return unitSynonyms(name).map((synonym) => synonym.name);
  return [name, MECHANISM_SETTINGS.find((setting) => base.endsWith(setting)) ?? base];
}

export function listenerPrefix(listenerName: string): string {
  return `listener.name.${listenerName.toLowerCase()}.`;
}
