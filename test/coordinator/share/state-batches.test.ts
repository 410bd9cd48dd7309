import { describe, expect, test } from "bun:test";
import type { ShareStateBatch } from "../../../src/coordinator/share/persister.ts";
import { combineBatches } from "../../../src/coordinator/share/state-batches.ts";
import { FakeRandom } from "../../sim/fake-random.ts";

/** "0-9 0/1": offsets, state, count. */
function batches(text: string): ShareStateBatch[] {
  return [...text.matchAll(/(\d+)-(\d+) (\d)\/(\d+)/g)].map((match) => {
    const [firstOffset, lastOffset, deliveryState, deliveryCount] = match.slice(1).map(Number);
    return {
      firstOffset: firstOffset!,
      lastOffset: lastOffset!,
      deliveryState: deliveryState!,
      deliveryCount: deliveryCount!,
    };
  });
}

function text(combined: readonly ShareStateBatch[]): string {
  return combined
    .map((one) => `${one.firstOffset}-${one.lastOffset} ${one.deliveryState}/${one.deliveryCount}`)
    .join(", ");
}

describe("batches of states", () => {
  test.each([
    ["one stays as it is", "3-1 0/1", "", -1, "3-1 0/1"],
    ["equal ones are one", "0-9 0/1", "0-9 0/1", -1, "0-9 0/1"],
    ["the higher count wins", "0-9 0/1", "3-5 0/2", -1, "0-2 0/1, 3-5 0/2, 6-9 0/1"],
    ["the lower count does not", "0-9 0/2", "3-12 0/1", -1, "0-9 0/2, 10-12 0/1"],
    ["the higher state wins", "0-9 0/1", "0-12 2/1", -1, "0-12 2/1"],
    [
      "neighbours that say the same are one",
      "0-4 2/1",
      "5-9 2/1, 10-12 2/2",
      -1,
      "0-9 2/1, 10-12 2/2",
    ],
    ["the start cuts", "0-4 0/1, 5-9 0/2", "10-11 0/1", 7, "7-9 0/2, 10-11 0/1"],
    ["the start may leave nothing", "0-4 0/1", "", 5, ""],
    ["a chain of overlaps", "0-9 0/1, 5-14 0/2", "8-20 0/3", -1, "0-4 0/1, 5-7 0/2, 8-20 0/3"],
  ])("%s", (_name, known, added, startOffset, expected) => {
    expect(text(combineBatches(batches(known), batches(added), startOffset))).toBe(expected);
  });

  test("say of each offset the most that any of them said", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new FakeRandom(seed);
      const below = (bound: number) => random.uint32() % bound;
      const some = () =>
        Array.from({ length: below(6) }, (): ShareStateBatch => {
          const firstOffset = below(30);
          const lastOffset = firstOffset + below(10);
          return { firstOffset, lastOffset, deliveryState: below(5), deliveryCount: below(4) };
        });
      const [known, added] = [some(), some()];
      const startOffset = below(3) === 0 ? -1 : below(20);
      const combined = combineBatches(known, added, startOffset);
      const said = (offset: number, from: readonly ShareStateBatch[]) =>
        from
          .filter(({ firstOffset, lastOffset }) => firstOffset <= offset && offset <= lastOffset)
          .map(({ deliveryState, deliveryCount }) => deliveryCount * 10 + deliveryState);
      for (let offset = 0; offset < 45; offset++) {
        const all = offset < startOffset ? [] : said(offset, [...known, ...added]);
        expect(said(offset, combined)).toEqual(all.length === 0 ? [] : [Math.max(...all)]);
      }
      const offsets = combined.map(({ firstOffset }) => firstOffset);
      expect(offsets).toEqual(offsets.toSorted((left, right) => left - right));
    }
  });
});
