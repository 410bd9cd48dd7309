/**
 * node:zlib, loaded with the first batch that needs it: that takes 8 ms of a start that may take
 * 100 in all.
 */
type Zlib = typeof import("node:zlib");

export function zlib(): Zlib {
  loaded ??= process.getBuiltinModule("node:zlib");
  return loaded;
}

let loaded: Zlib | null = null;
