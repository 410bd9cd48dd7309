/** Writes that a thread of a fake machine does: in order, and as far as it has come. */
import { DiskError, type FileWrite, type LaterWrites } from "../../src/base/world.ts";

export class FakeLaterWrites implements LaterWrites {
  readonly #failures: (DiskError | null)[] = [];
  #writes: readonly FileWrite[];
  readonly length: number;

  constructor(writes: readonly FileWrite[]) {
    this.#writes = writes;
    this.length = writes.length;
  }

  get isDone(): boolean {
    return this.#failures.length >= this.#writes.length;
  }

  wait(): void {
    while (!this.isDone) this.#writeNext();
  }

  /** Those behind are never written. */
  stopAfter(count: number): void {
    while (!this.isDone && this.#failures.length < count) this.#writeNext();
    this.#writes = [];
  }

  failure(index: number): DiskError | null {
    return this.#failures[index] ?? null;
  }

  #writeNext(): void {
    const { file, parts, position } = this.#writes[this.#failures.length]!;
    try {
      file.writeAll(parts, position);
      this.#failures.push(null);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#failures.push(error);
    }
  }
}
