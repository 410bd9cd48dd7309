/** How long calls take, to be compared with each other on the same machine. */

/** A search through all would be hundreds of times slower: so much is chance. */
export const MARGIN = 12;

/** Milliseconds for one call, as the best of several rounds. */
export function cost(rounds: number, calls: number, call: (index: number) => void): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let index = 0; index < calls; index++) call(index);
    best = Math.min(best, (performance.now() - start) / calls);
  }
  return best;
}
