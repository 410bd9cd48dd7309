/**
 * Appends of one turn of the event loop that are written together, a write for each partition.
 *
 *   append, append, append --- end of the turn, or enough ---> one write each ---> committed
 *
 * Until then the records have their offsets but lie where they came from, nobody may read them,
 * and no answer about them may leave. Whoever gives the memory back that they lie in, or answers,
 * calls `write` before.
 */
import type { Clock } from "../base/world.ts";

interface Gathering {
  writeGathered(): void;
}

/** Larger writes are hardly cheaper, and those who wait have waited long enough. */
const BYTES_MAX = 256 * 1024;
/** The system takes no more parts than 1,024 for one write. */
const APPENDS_MAX = 512;

export class GatheredAppends {
  readonly #clock: Clock;
  #partitions: Gathering[] = [];
  #bytes = 0;
  #appends = 0;
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#appends === 0;
  }

  /** `isFirst`: of the partition, since the last write. */
  add(partition: Gathering, isFirst: boolean, size: number): void {
    if (isFirst) this.#partitions.push(partition);
    this.#bytes += size;
    this.#appends++;
    if (this.#bytes >= BYTES_MAX || this.#appends >= APPENDS_MAX) return this.write();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.afterTurn(() => {
      this.#isScheduled = false;
      this.write();
    });
  }

  write(): void {
    if (this.#appends === 0) return;
    const partitions = this.#partitions;
    this.#partitions = [];
    this.#bytes = 0;
    this.#appends = 0;
    for (const partition of partitions) partition.writeGathered();
  }
}
