/**
 * The bounds that a broker sets to what its groups may ask for.
 *
 * Each row is a setting of the broker, which is also the default of a group, between two others.
 * A group's own value of the same name (without "group.") must keep within them too.
 */
import type { BrokerSettingName } from "./broker-settings.ts";
import { SettingError } from "./setting-error.ts";
import type { SettingTexts, Settings } from "./settings.ts";

export interface GroupBound {
  readonly name: BrokerSettingName;
  readonly min: BrokerSettingName | null;
  readonly max: BrokerSettingName | null;
}

export const GROUP_BOUNDS: readonly GroupBound[] = [
  ...(["consumer", "share", "streams"] as const).flatMap((kind): GroupBound[] => [
    {
      name: `group.${kind}.heartbeat.interval.ms`,
      min: `group.${kind}.min.heartbeat.interval.ms`,
      max: `group.${kind}.max.heartbeat.interval.ms`,
    },
    {
      name: `group.${kind}.session.timeout.ms`,
      min: `group.${kind}.min.session.timeout.ms`,
      max: `group.${kind}.max.session.timeout.ms`,
    },
    {
      name: `group.${kind}.assignment.interval.ms`,
      min: `group.${kind}.min.assignment.interval.ms`,
      max: `group.${kind}.max.assignment.interval.ms`,
    },
  ]),
  {
    name: "group.share.record.lock.duration.ms",
    min: "group.share.min.record.lock.duration.ms",
    max: "group.share.max.record.lock.duration.ms",
  },
  {
    name: "group.share.delivery.count.limit",
    min: "group.share.min.delivery.count.limit",
    max: "group.share.max.delivery.count.limit",
  },
  {
    name: "group.share.partition.max.record.locks",
    min: "group.share.min.partition.max.record.locks",
    max: "group.share.max.partition.max.record.locks",
  },
  {
    name: "group.streams.num.standby.replicas",
    min: null,
    max: "group.streams.max.standby.replicas",
  },
];

/** Throws a `SettingError` when the broker's own values do not keep their order. */
export function checkGroupBounds(settings: Settings): void {
  const number = (name: BrokerSettingName) => Number(settings.get(name));
  const ensure = (holds: boolean, left: string, relation: string, right: string) => {
    if (!holds) throw new SettingError(`${left} must be ${relation} ${right}`);
  };
  const atLeast = (left: BrokerSettingName, right: BrokerSettingName) =>
    ensure(number(left) >= number(right), left, "greater than or equal to", right);
  for (const { name, min, max } of GROUP_BOUNDS) {
    if (min !== null && max !== null) atLeast(max, min);
    if (min !== null) atLeast(name, min);
    if (max !== null) {
      ensure(number(name) <= number(max), name, "less than or equal to", max);
    }
  }
  for (const kind of ["consumer", "share", "streams"] as const) {
    const heartbeat: BrokerSettingName = `group.${kind}.heartbeat.interval.ms`;
    const session: BrokerSettingName = `group.${kind}.session.timeout.ms`;
    ensure(number(heartbeat) < number(session), heartbeat, "less than", session);
  }
  const assignors = settings.get("group.share.assignors").length;
  if (assignors !== 1) {
    throw new SettingError(
      `group.share.assignors must contain exactly one assignor, but found ${assignors}`,
    );
  }
  atLeast("group.share.max.share.sessions", "group.share.max.size");
}

/** An interval that was changed while running is brought back within its bounds. */
export function clampIntervals(settings: Settings, texts: SettingTexts): SettingTexts {
  const clamped = new Map(texts);
  for (const { name, min, max } of GROUP_BOUNDS) {
    const text = texts.get(name);
    if (text === undefined || !name.endsWith(".assignment.interval.ms")) continue;
    const low = min === null ? 0 : Number(settings.get(min));
    const high = max === null ? Infinity : Number(settings.get(max));
    const value = Math.min(Math.max(Number(text), low), high);
    if (value !== Number(text)) clamped.set(name, String(value));
  }
  return clamped;
}
