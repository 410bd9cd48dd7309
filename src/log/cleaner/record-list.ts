/** Where the records of one batch lie that stay, without an object for each. */
import { OutputBuffer } from "./output-buffer.ts";

const CAPACITY_MIN = 256;

export class RecordList {
  /** Memory for whoever rebuilds the batch. */
  readonly scratch = new OutputBuffer(4096);
  count = 0;
  timestampDeltaMax = Number.NEGATIVE_INFINITY;
  #starts = new Float64Array(CAPACITY_MIN);
  #ends = new Float64Array(CAPACITY_MIN);
  #deltas = new Float64Array(CAPACITY_MIN);

  clear(): void {
    this.count = 0;
    this.timestampDeltaMax = Number.NEGATIVE_INFINITY;
  }

  add(start: number, end: number, timestampDelta: number): void {
    if (this.count === this.#starts.length) this.#grow();
    this.#starts[this.count] = start;
    this.#ends[this.count] = end;
    this.#deltas[this.count] = timestampDelta;
    this.count++;
    if (timestampDelta > this.timestampDeltaMax) this.timestampDeltaMax = timestampDelta;
  }

  start(index: number): number {
    return this.#starts[index]!;
  }

  end(index: number): number {
    return this.#ends[index]!;
  }

  timestampDelta(index: number): number {
    return this.#deltas[index]!;
  }

  /** As they are, neighbours in one piece. */
  copyTo(output: OutputBuffer, bytes: Buffer): void {
    for (let index = 0; index < this.count;) {
      const start = this.start(index);
      let end = this.end(index++);
      while (index < this.count && this.start(index) === end) end = this.end(index++);
      output.append(bytes, start, end - start);
    }
  }

  #grow(): void {
    const capacity = this.#starts.length * 2;
    this.#starts = grown(this.#starts, capacity);
    this.#ends = grown(this.#ends, capacity);
    this.#deltas = grown(this.#deltas, capacity);
  }
}

function grown(values: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(values);
  return larger;
}
