/**
 * Which limit holds for a client, and with whom it shares it: the limits of one kind, as
 * `producer_byte_rate`, of users and client ids. The strongest first, as in Kafka:
 *
 *   user       client id       user         client id
 *   named      named           default      named
 *   named      default         default      default
 *   named      -               default      -
 *                              -            named
 *                              -            default
 *
 * The default of client ids gives each of them a rate of its own; so does that of users. Only a
 * limit of a user without a client id is shared by all clients of that user.
 */

/** A name; null for the default of its type; undefined where the type is not part of it. */
export interface QuotaEntity {
  readonly user: string | null | undefined;
  readonly clientId: string | null | undefined;
}

/** Whose use is counted together: an empty name stands for everybody's. */
export interface QuotaScope {
  readonly user: string;
  readonly clientId: string;
}

const CLIENT_ID = 1;
const USER = 2;
const USER_AND_CLIENT_ID = 4;

export class QuotaLimits {
  readonly #limits = new Map<string, number>();
  /** By kind of entity: how many have a limit. */
  readonly #counts = new Map<number, number>();
  /** Bits of the kinds that have any. */
  #kinds = 0;
  #version = 0;

  get isEmpty(): boolean {
    return this.#kinds === 0;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Its own; null when it has none. */
  get({ user, clientId }: QuotaEntity): number | null {
    return this.#limits.get(keyOf(user, clientId)) ?? null;
  }

  /** Null removes. */
  set(entity: QuotaEntity, limit: number | null): void {
    const key = keyOf(entity.user, entity.clientId);
    const kind = kindOf(entity);
    const isKnown = this.#limits.has(key);
    if (limit === null) this.#limits.delete(key);
    else this.#limits.set(key, limit);
    const change = (limit === null ? 0 : 1) - (isKnown ? 1 : 0);
    const count = (this.#counts.get(kind) ?? 0) + change;
    this.#counts.set(kind, count);
    this.#kinds = count === 0 ? this.#kinds & ~kind : this.#kinds | kind;
    this.#version++;
  }

  scopeOf(user: string, clientId: string): QuotaScope {
    switch (this.#kinds) {
      case 0:
      case CLIENT_ID:
        return { user: "", clientId };
      case USER:
        return { user, clientId: "" };
      case USER_AND_CLIENT_ID:
        return { user, clientId };
      default:
        return this.#strongestScope(user, clientId);
    }
  }

  /** Infinity where nothing limits it. */
  limitOf({ user, clientId }: QuotaScope): number {
    const of = (u: string | null | undefined, c: string | null | undefined) =>
      this.#limits.get(keyOf(u, c));
    if (user !== "" && clientId !== "") {
      const named = of(user, clientId) ?? of(user, null);
      return named ?? of(null, clientId) ?? of(null, null) ?? Infinity;
    }
    if (user !== "") return of(user, undefined) ?? of(null, undefined) ?? Infinity;
    if (clientId !== "") return of(undefined, clientId) ?? of(undefined, null) ?? Infinity;
    return Infinity;
  }

  /** Limits of several kinds: the first in the order of strength says what is counted. */
  #strongestScope(user: string, clientId: string): QuotaScope {
    const has = (u: string | null, c: string | null | undefined) => this.#limits.has(keyOf(u, c));
    for (const name of [user, null]) {
      if (has(name, clientId) || has(name, null)) return { user, clientId };
      if (has(name, undefined)) return { user, clientId: "" };
    }
    return { user: "", clientId };
  }
}

function kindOf({ user, clientId }: QuotaEntity): number {
  if (user === undefined) return CLIENT_ID;
  return clientId === undefined ? USER : USER_AND_CLIENT_ID;
}

function keyOf(user: string | null | undefined, clientId: string | null | undefined): string {
  const part = partOf(user);
  return `${part.length}:${part}${partOf(clientId)}`;
}

function partOf(name: string | null | undefined): string {
  if (name === undefined) return "-";
  return name === null ? "*" : `=${name}`;
}
