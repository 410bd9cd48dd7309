/**
 * Which connections have been silent for too long (connections.max.idle.ms), in the order in which
 * they were last heard: one timer for all of them, and no work for those that stay silent.
 */
import { LinkedList, LinkedNode } from "../base/linked-list.ts";
import type { Clock, Timer } from "../base/world.ts";

export interface IdleUser {
  /** On the monotonic clock. */
  lastActiveMs: number;
  /** Silent for too long. It may call `touch` in turn if it has a good reason to be silent. */
  idleExpired(): void;
}

export class IdleList {
  readonly #clock: Clock;
  /** Read at every use: the setting may change. */
  readonly #idleMsMax: () => number;
  readonly #users = new LinkedList<IdleUser>();
  #timer: Timer | null = null;

  constructor(clock: Clock, idleMsMax: () => number) {
    this.#clock = clock;
    this.#idleMsMax = idleMsMax;
  }

  get length(): number {
    return this.#users.length;
  }

  /** Joins the list, or moves to its end. */
  touch(node: LinkedNode<IdleUser>, nowMs: number): void {
    node.value.lastActiveMs = nowMs;
    if (node.list !== null) this.#users.remove(node);
    this.#users.append(node);
    this.#timer ??= this.#schedule(this.#idleMsMax());
  }

  leave(node: LinkedNode<IdleUser>): void {
    if (node.list !== null) this.#users.remove(node);
  }

  /** No more timers. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #schedule(delayMs: number): Timer | null {
    if (delayMs === Infinity) return null;
    // Rounded up, so that a wheel of thousands turns a few times a second at most.
    return this.#clock.schedule(Math.max(delayMs, STEP_MS), () => this.#expire());
  }

  #expire(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    const idleMsMax = this.#idleMsMax();
    for (;;) {
      const node = this.#users.first;
      if (node === null) return;
      const leftMs = node.value.lastActiveMs + idleMsMax - nowMs;
      if (leftMs > 0) {
        this.#timer ??= this.#schedule(leftMs);
        return;
      }
      this.#users.remove(node);
      node.value.idleExpired();
    }
  }
}

const STEP_MS = 100;
