/** KIP-546: limits of users, clients and addresses. */

/** What a quota can be given to. */
export const QuotaEntityType = { USER: "user", CLIENT_ID: "client-id", IP: "ip" } as const;

export interface QuotaEntityPart {
  /** "user", "client-id" or "ip". */
  readonly entityType: string;
  /** Null: the default of that type. */
  readonly entityName: string | null;
}

export interface ClientQuota {
  readonly entity: readonly QuotaEntityPart[];
  /** By the name of the limit, as in "producer_byte_rate". */
  readonly limits: ReadonlyMap<string, number>;
}

export class ClientQuotasImage {
  readonly #entities = new Map<string, { entity: readonly QuotaEntityPart[]; limits: Limits }>();

  values(): Iterable<ClientQuota> {
    return this.#entities.values();
  }

  of(entity: readonly QuotaEntityPart[]): ReadonlyMap<string, number> {
    return this.#entities.get(quotaEntityKey(entity))?.limits ?? NO_LIMITS;
  }

  /** A null value removes the limit. */
  set(entity: readonly QuotaEntityPart[], name: string, value: number | null): void {
    const key = quotaEntityKey(entity);
    const quota = this.#entities.get(key) ?? { entity, limits: new Map<string, number>() };
    if (value === null) quota.limits.delete(name);
    else quota.limits.set(name, value);
    if (quota.limits.size === 0) this.#entities.delete(key);
    else this.#entities.set(key, quota);
  }

  clone(): ClientQuotasImage {
    const copy = new ClientQuotasImage();
    for (const [key, { entity, limits }] of this.#entities) {
      copy.#entities.set(key, { entity, limits: new Map(limits) });
    }
    return copy;
  }
}

type Limits = Map<string, number>;
const NO_LIMITS: ReadonlyMap<string, number> = new Map();

/** The parts of an entity have no order. */
export function quotaEntityKey(entity: readonly QuotaEntityPart[]): string {
  const parts = entity.map(({ entityType, entityName }) => [entityType, entityName]);
  return JSON.stringify(parts.sort(([a], [b]) => (a! < b! ? -1 : 1)));
}
