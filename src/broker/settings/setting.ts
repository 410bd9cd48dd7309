/**
 * The words in which the table of settings is written.
 *
 * A row is a builder of its type, then the default, the importance and any traits:
 *
 *     "num.partitions": int(1, "medium", atLeast(1), acts("Partitions of a topic ...")),
 *
 * The type of the value follows from the builder and the default, so `settings.get(name)` is typed
 * without being told.
 */

export type SettingType =
  "boolean" | "string" | "int" | "short" | "long" | "double" | "list" | "class" | "password";

export type SettingValue = boolean | number | string | readonly string[] | null;

export type Importance = "high" | "medium" | "low";

/** Where a value may be changed while the broker runs: nowhere, for one broker, for all. */
export type DynamicMode = "read-only" | "per-broker" | "cluster-wide";

/** What a value must be beyond its type. `ensure` throws a `SettingError`. */
export interface Check {
  /** As Kafka's documentation prints it: "[1,...]". */
  readonly rule: string;
  /** The values of a list must differ: repetitions are dropped before the check. */
  readonly dropsRepeats?: true;
  ensure(name: string, value: SettingValue, type: SettingType): void;
}

export interface Setting<V extends SettingValue = SettingValue> {
  readonly type: SettingType;
  /** Undefined when the setting must be given. */
  readonly fallback: V | undefined;
  readonly importance: Importance;
  readonly check: Check | null;
  readonly dynamic: DynamicMode;
  /** Of no concern to people: not described unless somebody sets it. */
  readonly internal: boolean;
  /** What Bunka does with it; null while it has no effect. */
  readonly about: string | null;
  /** True when ignoring a value would leave the broker less guarded than was asked for. */
  readonly guards: boolean;
  /** The broker setting that gives the default of a topic or group setting. */
  readonly brokerName: string | null;
}

/** The type of a setting's value. */
export type ValueOf<S> = S extends Setting<infer V> ? V : never;

export type Trait = Partial<Omit<Setting, "type" | "fallback" | "importance">>;

/** Kafka's Long.MAX_VALUE and Integer.MAX_VALUE, both meaning "without a bound". */
export const LONG_MAX = 2 ** 63;
export const INT_MAX = 2 ** 31 - 1;

export const perBroker: Trait = { dynamic: "per-broker" };
export const clusterWide: Trait = { dynamic: "cluster-wide" };
export const internal: Trait = { internal: true };
export const guards: Trait = { guards: true };

/** The setting is honoured, and this is how. */
export function acts(about: string): Trait {
  return { about };
}

/** The default comes from this setting of the broker. */
export function defaultsTo(brokerName: string): Trait {
  return { brokerName };
}

/** Nullable when the default is null; a default of undefined makes the setting required. */
type Fallback<V extends SettingValue> = V | null | undefined;
type Widened<V extends SettingValue, F> = Setting<V | Extract<F, null>>;

export function boolean(fallback: boolean, importance: Importance, ...traits: Trait[]) {
  return row<boolean>("boolean", fallback, importance, traits);
}

export function int<F extends Fallback<number>>(
  fallback: F,
  importance: Importance,
  ...traits: Trait[]
): Widened<number, F> {
  return nullable<number, F>("int", fallback, importance, traits);
}

export function short(fallback: number, importance: Importance, ...traits: Trait[]) {
  return row<number>("short", fallback, importance, traits);
}

export function long<F extends Fallback<number>>(
  fallback: F,
  importance: Importance,
  ...traits: Trait[]
): Widened<number, F> {
  return nullable<number, F>("long", fallback, importance, traits);
}

export function double(fallback: number, importance: Importance, ...traits: Trait[]) {
  return row<number>("double", fallback, importance, traits);
}

export function string<F extends Fallback<string>>(
  fallback: F,
  importance: Importance,
  ...traits: Trait[]
): Widened<string, F> {
  return nullable<string, F>("string", fallback, importance, traits);
}

/** A string that is one of a few, given with `oneOf`. */
export function choice<V extends string>(
  fallback: V,
  importance: Importance,
  values: OneOf<V>,
  ...traits: Trait[]
) {
  return row<V>("string", fallback, importance, [values, ...traits]);
}

export function list<F extends Fallback<readonly string[]>>(
  fallback: F,
  importance: Importance,
  ...traits: Trait[]
): Widened<readonly string[], F> {
  return nullable<readonly string[], F>("list", fallback, importance, traits);
}

/** The name of a Java class, as text: no Java class is ever loaded. */
export function className<F extends Fallback<string>>(
  fallback: F,
  importance: Importance,
  ...traits: Trait[]
): Widened<string, F> {
  return nullable<string, F>("class", fallback, importance, traits);
}

/** Never shown again once it is read. */
export function password(importance: Importance, ...traits: Trait[]) {
  return row<string | null>("password", null, importance, traits);
}

/** A check that also says which strings there are. */
export interface OneOf<V extends string> extends Trait {
  readonly values: readonly V[];
}

function nullable<V extends SettingValue, F extends Fallback<V>>(
  type: SettingType,
  fallback: F,
  importance: Importance,
  traits: readonly Trait[],
) {
  return row(type, fallback as V | Extract<F, null> | undefined, importance, traits);
}

function row<V extends SettingValue>(
  type: SettingType,
  fallback: V | undefined,
  importance: Importance,
  traits: readonly Trait[],
): Setting<V> {
  const setting: Setting<V> = {
    type,
    fallback,
    importance,
    check: null,
    dynamic: "read-only",
    internal: false,
    about: null,
    guards: false,
    brokerName: null,
  };
  return Object.assign(setting, ...traits);
}
