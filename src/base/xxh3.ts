/** XXH3 in its form of 64 bits, as a signed number: Bun has it built in. */
export function xxh3(bytes: Uint8Array): bigint {
  return BigInt.asIntN(64, Bun.hash.xxHash3(bytes));
}
