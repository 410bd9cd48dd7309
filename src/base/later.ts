/**
 * Parts of the program that a node starts without: reading them all would take it half as long
 * again, and cost it 5 MiB. Each is loaded when it is first needed, at once and in the same turn,
 * so that nothing depends on when that is.
 *
 *   const codecs = later(() => require("./codecs.ts") as typeof import("./codecs.ts"));
 *   codecs().compress(bytes);
 */
export function later<T>(load: () => T): () => T {
  let loaded: { readonly value: T } | null = null;
  return () => {
    loaded ??= { value: load() };
    return loaded.value;
  };
}
