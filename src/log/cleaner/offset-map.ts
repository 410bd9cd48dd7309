/**
 * The last offset of each key, in a table of fixed size: Kafka's SkimpyOffsetMap.
 *
 *   slot   4 x int32 hash of the key, 2 x int32 offset + 1 (0: the slot is empty)      24 bytes
 *
 * The key itself is not kept: its hash of 128 bits stands for it. A slot is looked for from the
 * hash on, one after the other. As many keys fit as in Kafka's map of so many bytes; where fewer
 * are to be expected, less memory is taken.
 */
import { assert } from "../../base/assert.ts";
import { type HashKey, hashInto, hashWords } from "./key-hash.ts";

const SLOT_SIZE = 24;
const SLOT_WORDS = SLOT_SIZE / 4;
/** So full a table is still quick, and no larger one is needed. */
const COMFORTABLE_LOAD = 0.6;
const SLOTS_MIN = 16;

export interface OffsetMapOptions {
  /** At most so much. */
  readonly bytesMax: number;
  /** How much of the slots may be taken, 0 to 1. */
  readonly loadFactor: number;
  /** No more keys than this can come. */
  readonly keysExpectedMax: number;
  readonly hashKey: HashKey;
}

export class OffsetMap {
  /** Keys that fit. */
  readonly keysMax: number;
  /** Behind all that was put; -1 for nothing. */
  latestOffset = -1;
  #count = 0;
  readonly #slotsOfKafka: number;
  readonly #slots: number;
  readonly #words: Int32Array;
  readonly #hashKey: HashKey;

  constructor(options: OffsetMapOptions) {
    const { bytesMax, loadFactor, keysExpectedMax, hashKey } = options;
    this.#slotsOfKafka = Math.floor(bytesMax / SLOT_SIZE);
    this.keysMax = Math.floor(this.#slotsOfKafka * loadFactor);
    const wanted = Math.max(SLOTS_MIN, Math.ceil(keysExpectedMax / COMFORTABLE_LOAD));
    // One slot more than keys: a search for what is not there ends at an empty one.
    this.#slots = Math.max(Math.min(this.#slotsOfKafka, wanted), SLOTS_MIN);
    if (this.#slots <= this.keysMax && wanted > this.#slots) this.#slots = this.keysMax + 1;
    this.#words = new Int32Array(this.#slots * SLOT_WORDS);
    this.#hashKey = hashKey;
  }

  get count(): number {
    return this.#count;
  }

  /** The share of Kafka's slots that is taken. */
  get utilization(): number {
    return this.#slotsOfKafka === 0 ? 0 : this.#count / this.#slotsOfKafka;
  }

  /** False, and nothing changes, when the map is full: known keys are refused then, too. */
  put(bytes: Buffer, start: number, size: number, offset: number): boolean {
    if (this.#count >= this.keysMax) return false;
    const words = this.#words;
    const at = this.#find(bytes, start, size);
    if (words[at + 4] === 0 && words[at + 5] === 0) {
      this.#count++;
      assert(this.#count < this.#slots, "no more keys come than were expected");
      words[at] = hashWords[0]!;
      words[at + 1] = hashWords[1]!;
      words[at + 2] = hashWords[2]!;
      words[at + 3] = hashWords[3]!;
    }
    const stored = offset + 1;
    words[at + 4] = stored | 0;
    words[at + 5] = Math.floor(stored / 0x1_0000_0000);
    this.latestOffset = offset;
    return true;
  }

  /** -1 when the key was not put. */
  get(bytes: Buffer, start: number, size: number): number {
    const at = this.#find(bytes, start, size);
    return this.#words[at + 5]! * 0x1_0000_0000 + (this.#words[at + 4]! >>> 0) - 1;
  }

  /** Where the key is, or the empty slot where it would be. */
  #find(bytes: Buffer, start: number, size: number): number {
    hashInto(this.#hashKey, bytes, start, size);
    const words = this.#words;
    const [hash0, hash1, hash2, hash3] = [
      hashWords[0]!,
      hashWords[1]!,
      hashWords[2]!,
      hashWords[3]!,
    ];
    const end = this.#slots * SLOT_WORDS;
    let at = ((hash0 >>> 0) % this.#slots) * SLOT_WORDS;
    for (;;) {
      if (words[at] === hash0 && words[at + 1] === hash1) {
        if (words[at + 2] === hash2 && words[at + 3] === hash3) return at;
      }
      if (words[at + 4] === 0 && words[at + 5] === 0) return at;
      at += SLOT_WORDS;
      if (at === end) at = 0;
    }
  }
}
