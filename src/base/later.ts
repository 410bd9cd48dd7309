/**
 * Parts of the program that a node starts without: reading them all would take it half as long
 * again. Each is loaded when it is first needed, at once and in the same turn, so that nothing
 * depends on when that is; and all of them soon after the start, since the files of a program that
 * runs from its sources may be exchanged under it.
 *
 *   const codecs = later(() => require("./codecs.ts") as typeof import("./codecs.ts"));
 *   codecs().compress(bytes);
 */
import type { Clock } from "./world.ts";

/** `load` is called once, when the part is first asked for. */
export function later<T>(load: () => T): () => T {
  let loaded: { readonly value: T } | null = null;
  const part = (): T => {
    loaded ??= { value: load() };
    return loaded.value;
  };
  parts.push(part);
  return part;
}

/** Loads whatever has not been needed yet, one part a turn. */
export function loadTheRest(clock: Clock): void {
  const part = parts.shift();
  if (part === undefined) return;
  part();
  clock.afterTurn(() => loadTheRest(clock));
}

const parts: (() => unknown)[] = [];
