/**
 * Something that moves (a high watermark, the end of a log, an image of metadata), and those who
 * wait for it to move far enough.
 *
 *   log.append() -> signal.move() --- end of the turn ---> condition()? -> the promise resolves
 *
 * A move costs its own waiters only, and each waiter's condition is asked once a turn however often
 * its signals moved; where many wait for one move, some of them in later turns. One wait may watch
 * many signals; it leaves all of them when it ends.
 */
import { assert } from "./assert.ts";
import { LinkedList, LinkedNode } from "./linked-list.ts";
import type { Clock, Timer } from "./world.ts";

/** Who is told of every move, at once; it leaves no signal meanwhile. */
export interface Waker {
  wake(): void;
}

export class Signal {
  readonly #waits = new LinkedList<Waker>();

  /** How many wait; for metrics and tests. */
  get waitCount(): number {
    return this.#waits.length;
  }

  move(): void {
    for (let node = this.#waits.first; node !== null; node = node.next) node.value.wake();
  }

  /** Used by `Wait`, and by those who watch for longer than one wait. */
  join(node: LinkedNode<Waker>): void {
    this.#waits.append(node);
  }

  leave(node: LinkedNode<Waker>): void {
    this.#waits.remove(node);
  }
}

/**
 * Waits until `condition` holds: true; or until `timeoutMs` have gone: false. The condition is
 * asked now, and after the turn in which one of `signals` moved; it must not throw.
 */
export function waitUntil(
  clock: Clock,
  signals: readonly Signal[],
  timeoutMs: number,
  condition: () => boolean,
): Promise<boolean> {
  return startWait(clock, signals, timeoutMs, condition).result;
}

/** The same, for who may lose interest. */
export function startWait(
  clock: Clock,
  signals: readonly Signal[],
  timeoutMs: number,
  condition: () => boolean,
): Wait {
  return new Wait(clock, signals, timeoutMs, condition);
}

export class Wait implements Waker {
  /** True when the condition held; false at the deadline or when cancelled. */
  readonly result: Promise<boolean>;
  readonly #clock: Clock;
  readonly #condition: () => boolean;
  #signals: readonly Signal[] = [];
  #nodes: LinkedNode<Waker>[] = [];
  #timer: Timer | null = null;
  #resolve: ((held: boolean) => void) | null = null;
  #woken = false;

  constructor(
    clock: Clock,
    signals: readonly Signal[],
    timeoutMs: number,
    condition: () => boolean,
  ) {
    this.#clock = clock;
    this.#condition = condition;
    const holds = condition();
    if (holds || timeoutMs <= 0) {
      this.result = Promise.resolve(holds);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.result = promise;
    this.#resolve = resolve;
    this.#signals = signals;
    for (const signal of signals) {
      const node = new LinkedNode<Waker>(this);
      this.#nodes.push(node);
      signal.join(node);
    }
    if (timeoutMs < Infinity) this.#timer = clock.schedule(timeoutMs, () => this.#atDeadline());
  }

  /** Harmless when the wait is over. */
  cancel(): void {
    if (this.#resolve !== null) this.#finish(false);
  }

  /** Used by `Signal`. */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#clock.soon(() => this.#afterWake());
  }

  #afterWake(): void {
    this.#woken = false;
    if (this.#resolve !== null && this.#condition()) this.#finish(true);
  }

  /** A move of this very turn may not have been looked at yet. */
  #atDeadline(): void {
    if (this.#resolve !== null) this.#finish(this.#condition());
  }

  #finish(held: boolean): void {
    const resolve = this.#resolve;
    assert(resolve !== null, "a wait ends once");
    this.#resolve = null;
    this.#timer?.cancel();
    this.#signals.forEach((signal, index) => signal.leave(this.#nodes[index]!));
    this.#signals = [];
    this.#nodes = [];
    resolve(held);
  }
}
