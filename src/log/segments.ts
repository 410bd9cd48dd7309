/** The segments of one log by base offset, the active one last. Never empty once loaded. */
import { assert } from "../base/assert.ts";
import type { Segment } from "./segment.ts";

export class Segments {
  #list: Segment[] = [];

  get count(): number {
    return this.#list.length;
  }

  /** Ascending. A copy is not made: do not keep it over a change. */
  get all(): readonly Segment[] {
    return this.#list;
  }

  get first(): Segment {
    assert(this.#list.length > 0, "a log has a segment");
    return this.#list[0]!;
  }

  get active(): Segment {
    assert(this.#list.length > 0, "a log has a segment");
    return this.#list.at(-1)!;
  }

  get size(): number {
    return this.#list.reduce((total, segment) => total + segment.size, 0);
  }

  add(segment: Segment): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.baseOffset < segment.baseOffset, "segments ascend");
    this.#list.push(segment);
  }

  /** The last one whose base offset is not above `offset`. */
  floor(offset: number): Segment | null {
    return this.#list[this.#floorIndex(offset)] ?? null;
  }

  /** The one behind. */
  higher(segment: Segment): Segment | null {
    return this.#list[this.#floorIndex(segment.baseOffset) + 1] ?? null;
  }

  /** Those that may hold offsets from `from` up to below `to`. */
  between(from: number, to: number): Segment[] {
    const start = Math.max(0, this.#floorIndex(from));
    return this.#list.slice(start).filter((segment) => segment.baseOffset < to);
  }

  has(segment: Segment): boolean {
    return this.#list[this.#floorIndex(segment.baseOffset)] === segment;
  }

  /** As `between`, and none where the range is empty. */
  inRange(from: number, to: number): Segment[] {
    return from >= to ? [] : this.between(from, to);
  }

  /** Puts one in the place of neighbours. */
  replace(replaced: readonly Segment[], by: Segment): void {
    const start = this.#list.indexOf(replaced[0]!);
    assert(start >= 0, "what is replaced is here");
    this.#list = this.#list.toSpliced(start, replaced.length, by);
    const [before, after] = [this.#list[start - 1], this.#list[start + 1]];
    const ascends =
      (before === undefined || before.baseOffset < by.baseOffset) &&
      (after === undefined || by.baseOffset < after.baseOffset);
    assert(ascends, "segments ascend");
  }

  remove(segments: readonly Segment[]): void {
    this.#list = this.#list.filter((segment) => !segments.includes(segment));
  }

  #floorIndex(offset: number): number {
    let low = -1;
    let high = this.#list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#list[middle]!.baseOffset > offset) high = middle - 1;
      else low = middle;
    }
    return low;
  }
}
