/** Whether a connection is read: not while there is any reason to hold it. */
import type { Socket } from "../base/world.ts";

/** Reasons, as bits. */
export const Hold = { MEMORY: 1, REQUESTS: 2, THROTTLE: 4, DRAINING: 8 } as const;

export class Reading {
  readonly #socket: Socket;
  #holds = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  isHeldFor(hold: number): boolean {
    return (this.#holds & hold) !== 0;
  }

  hold(hold: number): void {
    if (this.#holds === 0) this.#socket.pause();
    this.#holds |= hold;
  }

  release(hold: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~hold;
    if (this.#holds === 0) this.#socket.resume();
  }

  releaseAll(): void {
    this.release(this.#holds);
  }
}
