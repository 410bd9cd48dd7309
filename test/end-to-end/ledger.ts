/**
 * What was promised to producers of a partition, and whether it was kept.
 *
 * Every record says who wrote it, and which of that lane's records it is, from 0 on:
 *
 *   key "lane"   value "number:padding"
 *
 * A lane that retries safely (idempotent) must be there without a hole and without a double; one
 * that never retries may have holes where it was told nothing, but no double.
 */
import { expect } from "bun:test";
import { isIntact, baseOffset, lastOffset } from "../../src/protocol/record-batch.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { batchStarts, type Connection, EARLIEST, fetchOnce, LATEST, offsetFor } from "./client.ts";

/** Records from `firstNumber` on, acknowledged at `baseOffset` (-1: a duplicate, long known). */
interface Acknowledged {
  readonly firstNumber: number;
  readonly count: number;
  readonly baseOffset: number;
}

export class Lane {
  nextNumber = 0;
  readonly acknowledged: Acknowledged[] = [];

  constructor(
    readonly name: string,
    readonly isIdempotent: boolean,
  ) {}
}

export interface SeenRecord {
  readonly offset: number;
  readonly timestamp: number;
}

/** What is in the partition as of one look. */
export interface Seen {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly records: readonly SeenRecord[];
}

export class PartitionLedger {
  readonly lanes: Lane[] = [];
  /** Never goes back where records are deleted by retention alone. */
  logStartOffset = 0;
  /** DeleteRecords was asked to go so far; a crash may bring some of it back. */
  deletedTo = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  lane(name: string, isIdempotent: boolean): Lane {
    const lane = new Lane(name, isIdempotent);
    this.lanes.push(lane);
    return lane;
  }

  /** Reads the whole partition and holds it against every promise. */
  async verify(connection: Connection): Promise<Seen> {
    const { topic, partition } = this;
    const hint = `${topic}-${partition}`;
    const earliest = await offsetFor(connection, topic, partition, EARLIEST);
    const latest = await offsetFor(connection, topic, partition, LATEST);
    const numbersByLane = new Map(this.lanes.map((lane) => [lane.name, new Map<number, number>()]));
    const records: SeenRecord[] = [];
    let offset = earliest.offset;
    while (offset < latest.offset) {
      const fetched = await fetchOnce(connection, topic, partition, offset);
      expect(fetched.errorCode, `${hint} at ${offset}`).toBe(0);
      expect(fetched.highWatermark, hint).toBe(latest.offset);
      const before = offset;
      offset = this.#read(fetched.records!, offset, records, numbersByLane);
      expect(offset, `${hint} goes on behind ${before}`).toBeGreaterThan(before);
    }
    expect(offset, hint).toBe(latest.offset);
    for (const lane of this.lanes) {
      this.#check(lane, numbersByLane.get(lane.name)!, earliest.offset, latest.offset);
    }
    if (this.deletedTo === 0) {
      expect(earliest.offset, hint).toBeGreaterThanOrEqual(this.logStartOffset);
    } else expect(earliest.offset, hint).toBeLessThanOrEqual(this.deletedTo);
    this.logStartOffset = earliest.offset;
    return { logStartOffset: earliest.offset, highWatermark: latest.offset, records };
  }

  /** Returns the offset behind the last whole batch. */
  #read(
    bytes: Buffer,
    fromOffset: number,
    records: SeenRecord[],
    numbersByLane: ReadonlyMap<string, Map<number, number>>,
  ): number {
    const hint = `${this.topic}-${this.partition}`;
    let next = fromOffset;
    for (const at of batchStarts(bytes)) {
      expect(isIntact(bytes, at), `${hint} batch at ${next}`).toBe(true);
      // Only the first batch may begin before what was asked for.
      if (next !== fromOffset) expect(baseOffset(bytes, at), hint).toBe(next);
      for (const { offset, timestamp, key, value } of readRecords(bytes, at)) {
        if (offset < fromOffset) continue;
        expect(offset, hint).toBe(next);
        next++;
        records.push({ offset, timestamp });
        const numbers = numbersByLane.get(key!.toString())!;
        const number = Number(value!.toString("latin1").split(":", 1)[0]);
        if (numbers.has(number)) {
          throw new Error(`${hint}: ${key} ${number} is at ${numbers.get(number)} and ${offset}`);
        }
        numbers.set(number, offset);
      }
      expect(next, hint).toBe(lastOffset(bytes, at) + 1);
    }
    return next;
  }

  #check(lane: Lane, numbers: ReadonlyMap<number, number>, start: number, end: number): void {
    const hint = `${lane.name} in ${this.topic}-${this.partition}`;
    let before = -1;
    for (const number of numbers.keys()) {
      if (before === -1 && start === 0 && lane.isIdempotent) expect(number, hint).toBe(0);
      if (before !== -1 && lane.isIdempotent) expect(number, hint).toBe(before + 1);
      if (number <= before) throw new Error(`${hint}: ${number} is behind ${before}`);
      expect(number, hint).toBeLessThan(lane.nextNumber);
      before = number;
    }
    for (const { firstNumber, count, baseOffset: promised } of lane.acknowledged) {
      for (let index = 0; index < count; index++) {
        const found = numbers.get(firstNumber + index);
        if (promised === -1 ? start > 0 : promised + index < start) continue;
        const isThere = promised === -1 ? found !== undefined : found === promised + index;
        if (isThere) continue;
        throw new Error(
          `${hint}: record ${firstNumber + index} was acknowledged at ${promised + index}, ` +
            `but is at ${found}; the log has ${start} to ${end}`,
        );
      }
    }
  }
}
