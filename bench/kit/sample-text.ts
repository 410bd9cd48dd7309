/** Text as people send it: JSON of fields with few values and fields with many. */
export function sampleText(size: number, seed = 7): Buffer {
  let state = seed;
  const below = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % bound;
  };
  const pick = (values: string[]) => values[below(values.length)];
  let text = "";
  while (text.length < size) {
    text += JSON.stringify({
      id: below(1e7),
      user: `user-${below(50_000)}`,
      event: pick(["view", "click", "purchase", "refund"]),
      at: `2026-03-${10 + below(20)}T${10 + below(14)}:${10 + below(50)}:${10 + below(50)}Z`,
      amount: below(100_000) / 100,
      city: pick(["Berlin", "Paris", "Tokyo", "Lagos", "Lima", "Oslo"]),
      session: below(1e7).toString(36) + below(1e7).toString(36),
      paid: below(3) > 0,
    });
  }
  return Buffer.from(text.slice(0, size));
}
