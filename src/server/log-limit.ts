/** Lines about bad clients, so many a second: a flood of them must not become a flood of log. */
import type { Clock } from "../base/world.ts";

export class LogLimit {
  readonly #clock: Clock;
  readonly #write: (line: string) => void;
  readonly #linesPerSecond: number;
  #secondStartedMs = -Infinity;
  #lines = 0;
  #swallowed = 0;

  constructor(clock: Clock, write: (line: string) => void, linesPerSecond = 10) {
    this.#clock = clock;
    this.#write = write;
    this.#linesPerSecond = linesPerSecond;
  }

  line(text: string): void {
    if (this.#lines >= this.#linesPerSecond) {
      if (this.#clock.monotonicMs() < this.#secondStartedMs + 1000) {
        if (this.#swallowed++ === 0) this.#reportLater();
        return;
      }
      this.#lines = 0;
    }
    if (this.#lines++ === 0) this.#secondStartedMs = this.#clock.monotonicMs();
    this.#write(text);
  }

  #reportLater(): void {
    this.#clock.schedule(1000, () => {
      this.#write(`${this.#swallowed} more connections closed for reasons of this kind`);
      this.#swallowed = 0;
    });
  }
}
