/** Dynamic settings of topics, brokers, groups and client metrics, as the log holds them. */

/** KIP-1142 and older: what a ConfigRecord may belong to. */
export const ConfigResourceType = {
  TOPIC: 2,
  /** Named by its id; the empty name is the default of all brokers. */
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const;

/** The broker resource whose settings hold for every broker. */
export const CLUSTER_DEFAULT = "";

export interface ConfigResource {
  readonly type: number;
  readonly name: string;
}

export type Configs = ReadonlyMap<string, string>;

const NO_CONFIGS: Configs = new Map();

export class ConfigsImage {
  /** By type, by name. A resource without settings is absent. */
  readonly #types = new Map<number, Map<string, Map<string, string>>>();

  of(type: number, name: string): Configs {
    return this.#types.get(type)?.get(name) ?? NO_CONFIGS;
  }

  get(type: number, name: string, key: string): string | null {
    return this.of(type, name).get(key) ?? null;
  }

  *resources(): Iterable<{
    readonly type: number;
    readonly name: string;
    readonly configs: Configs;
  }> {
    for (const [type, names] of this.#types) {
      for (const [name, configs] of names) yield { type, name, configs };
    }
  }

  /** Names of the resources of this type that have settings. */
  names(type: number): Iterable<string> {
    return this.#types.get(type)?.keys() ?? [];
  }

  /** A null value removes the setting. */
  set(type: number, name: string, key: string, value: string | null): void {
    const names = this.#types.get(type) ?? new Map<string, Map<string, string>>();
    const configs = names.get(name) ?? new Map<string, string>();
    if (value === null) configs.delete(key);
    else configs.set(key, value);
    if (configs.size === 0) names.delete(name);
    else names.set(name, configs);
    if (names.size === 0) this.#types.delete(type);
    else this.#types.set(type, names);
  }

  removeAll(type: number, name: string): void {
    this.#types.get(type)?.delete(name);
  }

  clone(): ConfigsImage {
    const copy = new ConfigsImage();
    for (const { type, name, configs } of this.resources()) {
      for (const [key, value] of configs) copy.set(type, name, key, value);
    }
    return copy;
  }
}
