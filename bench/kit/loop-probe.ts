/** What a broker's probe (node/loop-lag/probe.ts) says of its loop, to whoever started it. */
import { join } from "node:path";

export const PROBE = join(import.meta.dir, "../node/loop-lag/probe.ts");

export interface HoldSpread {
  readonly p9999Ms: number;
  readonly maxMs: number;
}

/** Looked at once a millisecond. */
export interface LoopHolds {
  /** Without a look at what waits, less what the thread waited for a processor. */
  readonly held: HoldSpread;
  /** On a processor between two looks. */
  readonly ran: HoldSpread;
  /** How many were held for longer than 5 ms. */
  readonly over5: number;
  /** Lines: what was on the stack, where that was asked for. */
  readonly why: readonly string[];
}

export class LoopProbe {
  readonly #send: (message: string) => void;
  #told: ((holds: LoopHolds) => void) | null = null;

  constructor(send: (message: string) => void) {
    this.#send = send;
  }

  /** Of the process. */
  told(message: unknown): void {
    this.#told?.(message as LoopHolds);
  }

  reset(): void {
    this.#send("reset");
  }

  explain(): void {
    this.#send("why");
  }

  report(): Promise<LoopHolds> {
    return new Promise((resolve) => {
      this.#told = resolve;
      this.#send("report");
    });
  }
}
