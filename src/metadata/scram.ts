/** SCRAM credentials (RFC 5802): what is kept in place of a password. */
export interface ScramMechanism {
  /** As in the records and the protocol. */
  readonly id: number;
  readonly hash: "sha256" | "sha512";
  readonly hashSize: number;
}

export const SCRAM_MECHANISMS: ReadonlyMap<string, ScramMechanism> = new Map([
  ["SCRAM-SHA-256", { id: 1, hash: "sha256", hashSize: 32 }],
  ["SCRAM-SHA-512", { id: 2, hash: "sha512", hashSize: 64 }],
]);

export const SCRAM_ITERATIONS_MIN = 4096;
/** What a login costs the broker grows with it. */
export const SCRAM_ITERATIONS_MAX = 16_384;

export function scramMechanism(id: number): ScramMechanism | null {
  return [...SCRAM_MECHANISMS.values()].find((mechanism) => mechanism.id === id) ?? null;
}

/** What proves a login, made of the salted password, which itself is not kept. */
export function scramKeys(
  { hash }: ScramMechanism,
  saltedPassword: Uint8Array,
): { readonly storedKey: Buffer; readonly serverKey: Buffer } {
  // Asked for here: 3 MiB that a node without such users never needs.
  const { createHash, createHmac } = process.getBuiltinModule("node:crypto");
  const hmac = (text: string) => createHmac(hash, saltedPassword).update(text).digest();
  return {
    storedKey: createHash(hash).update(hmac("Client Key")).digest(),
    serverKey: hmac("Server Key"),
  };
}
