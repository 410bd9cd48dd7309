/**
 * Readers of one topic by how many partitions they have in all, from least to most. Partitions are
 * given to the least loaded and taken from the most loaded; both ranges grow towards each other.
 *
 *   count │ least          most
 *         │ loaded         loaded #  ◀ have nothing of this topic to give: left out
 *         │ [...->   ]##[##<-   ]##
 *         │ [########]##[#######]##
 *         └─────────────────────────▶ members
 *
 * Invariant: within a range all had the same count when it was last widened.
 */
import { assert } from "../../base/assert.ts";

export class MemberBalancer {
  readonly #sizes: Int32Array;
  /** Ascending by size, then by number. */
  #members: number[] = [];
  /** [0, end) is the range of the least loaded. */
  #leastEnd = 0;
  #leastSize = 0;
  #nextLeast = 0;
  /** [start, end) is the range of the most loaded. */
  #mostStart = 0;
  #mostEnd = 0;
  #mostSize = 0;
  #nextMost = -1;

  /** `sizes` by member, which the caller keeps up to date. */
  constructor(sizes: Int32Array) {
    this.#sizes = sizes;
  }

  get isBalanced(): boolean {
    return this.#mostSize - this.#leastSize <= 1;
  }

  /** Starts anew with these readers; how much more the most loaded has than the least loaded. */
  begin(readers: readonly number[]): number {
    assert(readers.length > 0, "a topic that is balanced has readers");
    const sizes = this.#sizes;
    this.#members = [...readers].sort((one, other) => sizes[one]! - sizes[other]! || one - other);
    const least = this.#sizeAt(0);
    const most = this.#sizeAt(readers.length - 1);
    this.#leastEnd = 0;
    this.#leastSize = least - 1;
    this.#nextLeast = 0;
    this.#mostStart = readers.length;
    this.#mostEnd = readers.length;
    this.#mostSize = most + 1;
    this.#nextMost = readers.length - 1;
    return most - least;
  }

  /** Who gets the next partition. */
  nextLeastLoaded(): number {
    if (this.#nextLeast >= this.#leastEnd) {
      this.#leastSize += 1;
      while (
        this.#leastEnd < this.#members.length &&
        this.#sizeAt(this.#leastEnd) === this.#leastSize
      ) {
        this.#leastEnd += 1;
      }
      this.#nextLeast = 0;
    }
    return this.#members[this.#nextLeast++]!;
  }

  /** Who gives a partition; null when nobody is left who has one. */
  nextMostLoaded(): number | null {
    if (this.#nextMost < this.#mostStart) {
      const isEmpty = this.#mostEnd <= this.#mostStart && this.#mostStart > 0;
      // All of the range were excluded: it moves on to the next size that there is.
      this.#mostSize = isEmpty ? this.#sizeAt(this.#mostStart - 1) : this.#mostSize - 1;
      while (this.#mostStart > 0 && this.#sizeAt(this.#mostStart - 1) === this.#mostSize) {
        this.#mostStart -= 1;
      }
      this.#nextMost = this.#mostEnd - 1;
    }
    if (this.#nextMost < 0) return null;
    return this.#members[this.#nextMost--]!;
  }

  /** The member that `nextMostLoaded` gave last has nothing of this topic. */
  excludeMostLoaded(): void {
    const members = this.#members;
    const at = this.#nextMost + 1;
    const excluded = members[at]!;
    this.#mostEnd -= 1;
    members[at] = members[this.#mostEnd]!;
    members[this.#mostEnd] = excluded;
  }

  #sizeAt(index: number): number {
    return this.#sizes[this.#members[index]!]!;
  }
}
