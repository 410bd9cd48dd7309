/** Bytes that look like something, the same for the same seed: for fuzzing codecs and records. */

/** Numbers from 0 to 2^32 - 1 (mulberry32). */
export function numbersOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Runs, repeats and noise in turn, so that compressors find something and not everything. */
export function mixedBytes(seed: number, size: number): Buffer {
  const next = numbersOf(seed);
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const end = Math.min(size, at + 1 + (next() % (next() % 4 === 0 ? 400 : 24)));
    const kind = next() % 4;
    if (kind === 0) {
      bytes.fill(next(), at, end);
    } else if (kind < 3 && at > 0) {
      for (let from = next() % at, to = at; to < end;) bytes[to++] = bytes[from++]!;
    } else {
      for (let to = at; to < end; to++) bytes[to] = next();
    }
    at = end;
  }
  return bytes;
}

/** A copy with one to four bytes changed, cut short, doubled in part or made longer. */
export function mutate(bytes: Buffer, next: () => number): Buffer {
  const kind = next() % 8;
  if (kind === 0) return Buffer.from(bytes.subarray(0, next() % (bytes.length + 1)));
  if (kind === 1) return Buffer.concat([bytes, mixedBytes(next(), 1 + (next() % 20))]);
  if (kind === 2) {
    const cut = next() % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(next() % (bytes.length + 1))]);
  }
  const mutated = Buffer.from(bytes);
  for (let count = 1 + (next() % 4); count > 0 && mutated.length > 0; count--) {
    const at = next() % mutated.length;
    mutated[at] = next() % 3 === 0 ? [0, 1, 0x7f, 0x80, 0xff][next() % 5]! : next();
  }
  return mutated;
}
