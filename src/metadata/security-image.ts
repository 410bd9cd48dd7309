/** SCRAM credentials, access control entries and delegation tokens, as their records hold them. */
import type { Value } from "../protocol/schema.ts";
import type {
  accessControlEntryRecord,
  delegationTokenRecord,
  userScramCredentialRecord,
} from "../protocol/records/metadata.ts";

export type ScramCredential = Value<typeof userScramCredentialRecord>;
export type AccessControlEntry = Value<typeof accessControlEntryRecord>;
export type DelegationToken = Value<typeof delegationTokenRecord>;

export class SecurityImage {
  /** By mechanism (1 SCRAM-SHA-256, 2 SCRAM-SHA-512), by user. */
  readonly #scram = new Map<number, Map<string, ScramCredential>>();
  /** By the id of the entry. */
  readonly acls = new Map<string, AccessControlEntry>();
  /** By token id. */
  readonly delegationTokens = new Map<string, DelegationToken>();

  scramCredential(mechanism: number, user: string): ScramCredential | null {
    return this.#scram.get(mechanism)?.get(user) ?? null;
  }

  *scramCredentials(): Iterable<ScramCredential> {
    for (const users of this.#scram.values()) yield* users.values();
  }

  setScramCredential(credential: ScramCredential): void {
    const users = this.#scram.get(credential.mechanism) ?? new Map<string, ScramCredential>();
    this.#scram.set(credential.mechanism, users.set(credential.name, ownBytes(credential)));
  }

  removeScramCredential(mechanism: number, user: string): void {
    this.#scram.get(mechanism)?.delete(user);
  }

  clone(): SecurityImage {
    const copy = new SecurityImage();
    for (const credential of this.scramCredentials()) copy.setScramCredential(credential);
    for (const [id, entry] of this.acls) copy.acls.set(id, entry);
    for (const [id, token] of this.delegationTokens) copy.delegationTokens.set(id, token);
    return copy;
  }
}

/** Decoded bytes are views: kept as they are, they would hold on to a whole batch of the log. */
function ownBytes(credential: ScramCredential): ScramCredential {
  const { salt, storedKey, serverKey } = credential;
  return {
    ...credential,
    salt: Buffer.from(salt),
    storedKey: Buffer.from(storedKey),
    serverKey: Buffer.from(serverKey),
  };
}
