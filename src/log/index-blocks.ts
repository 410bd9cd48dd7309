/**
 * The blocks of index files that were read last, of all of a node: whoever reads a log from front
 * to back asks for the same block some hundred times.
 *
 *   file, start ---> place (one of PLACES, made when it is first used) ---> bytes
 *
 * Two blocks that want one place take it from each other; a block that is asked for again after
 * that is read again. Invariant: a place says whose block it has only while it has it whole.
 */
export const BLOCK_SIZE = 4096;
const PLACES = 128;

export interface IndexBlock {
  /** Whose; another object once the file's entries are others. */
  owner: object | null;
  /** The first entry, and how many. */
  start: number;
  count: number;
  readonly bytes: Buffer;
}

const places: (IndexBlock | undefined)[] = [];

/** Where the block is, or is to be put: by its number among all of its file. */
export function indexBlockAt(owner: { readonly seed: number }, blockIndex: number): IndexBlock {
  const index = (owner.seed + blockIndex) % PLACES;
  const none = { owner: null, start: 0, count: 0 };
  return (places[index] ??= { ...none, bytes: Buffer.allocUnsafeSlow(BLOCK_SIZE) });
}

/** Files of neighbours in time do not begin at the same place. */
export function newBlockOwner(): { readonly seed: number } {
  ownerCount = (ownerCount + PLACES_APART) % PLACES;
  return { seed: ownerCount };
}

let ownerCount = 0;
const PLACES_APART = 13;
