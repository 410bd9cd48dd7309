/**
 * Accepts connections for TURN_MS without a break.
 *
 * Bun accepts all that wait in one go, and who else is ready waits for it: 5,000 clients that came
 * back at once held the loop for 90 ms. So when the time is over the listener is set aside until
 * the end of the turn: its descriptor is a socket on which nobody listens, Bun's next accept fails,
 * and the loop goes on. The listener stays open by another descriptor, where epoll goes on watching
 * it; connections wait in the kernel, and the loop is told of them again.
 *
 *   accept a | accept b | ... | accept z |   fails   | other sockets   end of turn | accept ...
 *   \___________ TURN_MS _______________/  set aside                     put back
 */
import { assert } from "./assert.ts";
import type { SocketCalls } from "./real-socket-calls.ts";
import { TURN_MS } from "./turns.ts";

type Calls = Pick<SocketCalls, "setAside" | "putBack">;

export class AcceptTurns {
  readonly #calls: Calls;
  readonly #listener: number;
  /** When the first connection of this turn was accepted. */
  #sinceMs: number | null = null;
  /** The descriptor by which the listener is open while it is set aside. */
  #aside: number | null = null;
  readonly #endTurn = () => this.end();

  /** `listener`: a descriptor. */
  constructor(calls: Calls, listener: number) {
    this.#calls = calls;
    this.#listener = listener;
  }

  /** A connection was, and all that was to be done about it. */
  accepted(): void {
    const nowMs = performance.now();
    if (this.#sinceMs === null) {
      this.#sinceMs = nowMs;
      setImmediate(this.#endTurn);
    } else if (this.#aside === null && nowMs - this.#sinceMs >= TURN_MS) {
      this.#aside = this.#calls.setAside(this.#listener);
    }
  }

  /** Also before the listener is stopped: it would go on under its other descriptor. */
  end(): void {
    this.#sinceMs = null;
    if (this.#aside === null) return;
    const isBack = this.#calls.putBack(this.#listener, this.#aside);
    assert(isBack, "the descriptor of a listener can be replaced");
    this.#aside = null;
  }
}
