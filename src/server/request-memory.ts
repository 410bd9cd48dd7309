/**
 * The memory that bytes of clients may hold, over all connections: queued.max.request.bytes and
 * queued.max.requests.
 *
 *   chunk in --take--> [ frames being gathered | requests queued or running ] --give--> answered
 *
 * When there is too much of it, a connection stops reading after the chunk that it has just been
 * given, and waits here; all are let go on when there is room again. A frame that is gathered
 * frees its memory only when it is whole, so frames could hold all of it and wait for each other:
 * after a second without room the oldest of them is favoured. It reads on past the limit until
 * its frame is whole, and is closed if that takes too long.
 *
 * Invariants: used bytes are the sum of all live blocks, and zero when the server is idle; at most
 * one connection is favoured.
 */
import { assert } from "../base/assert.ts";
import { LinkedList, LinkedNode } from "../base/linked-list.ts";
import type { Clock, Timer } from "../base/world.ts";

export interface MemoryLimits {
  /** queued.max.request.bytes; Infinity for none. */
  readonly queuedMaxRequestBytes: number;
  readonly queuedMaxRequests: number;
}

/** A connection, as this file sees it. */
export interface MemoryUser {
  /** Whether it has a part of a frame and needs more of the peer's bytes to be rid of it. */
  readonly hasPartialFrame: boolean;
  /** There is room, or this one is favoured. */
  memoryFreed(): void;
  /** Was favoured, and did not become whole in time. */
  memoryRefused(): void;
}

export class RequestMemory {
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #waiting = new LinkedList<MemoryUser>();
  #bytesUsed = 0;
  #requestsQueued = 0;
  #favoured: LinkedNode<MemoryUser> | null = null;
  #timer: Timer | null = null;
  #wakes = false;

  constructor(clock: Clock, limits: MemoryLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  get requestsQueued(): number {
    return this.#requestsQueued;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get isShort(): boolean {
    return (
      this.#bytesUsed > this.#limits.queuedMaxRequestBytes ||
      this.#requestsQueued > this.#limits.queuedMaxRequests
    );
  }

  take(size: number): void {
    this.#bytesUsed += size;
  }

  give(size: number): void {
    this.#bytesUsed -= size;
    assert(this.#bytesUsed >= 0, "no memory is given back twice");
    this.#wakeIfRoom();
  }

  requestQueued(): void {
    this.#requestsQueued++;
  }

  requestStarted(): void {
    this.#requestsQueued--;
    assert(this.#requestsQueued >= 0, "a request starts once");
    this.#wakeIfRoom();
  }

  /** Whether `node` may read on; if not, it waits here until it is called back. */
  mayRead(node: LinkedNode<MemoryUser>): boolean {
    if (node === this.#favoured) {
      if (node.value.hasPartialFrame) return true;
      this.#endFavour();
    }
    if (!this.isShort) return true;
    if (node.list === null) this.#waiting.append(node);
    this.#timer ??= this.#clock.schedule(FAVOUR_AFTER_MS, () => this.#favourOldest());
    return false;
  }

  /** The connection is gone. */
  forget(node: LinkedNode<MemoryUser>): void {
    if (node.list !== null) this.#waiting.remove(node);
    if (node === this.#favoured) this.#endFavour();
  }

  #wakeIfRoom(): void {
    if (this.#wakes || this.#waiting.length === 0 || this.isShort) return;
    this.#wakes = true;
    this.#clock.afterTurn(() => this.#wakeSome());
  }

  /** A few a turn: each may bring a whole chunk, and then there may be no room again. */
  #wakeSome(): void {
    this.#wakes = false;
    for (let count = 0; count < WAKES_PER_TURN && !this.isShort; count++) {
      const node = this.#waiting.first;
      if (node === null) return;
      this.#waiting.remove(node);
      node.value.memoryFreed();
    }
    this.#wakeIfRoom();
  }

  #favourOldest(): void {
    this.#timer = null;
    if (!this.isShort || this.#favoured !== null) return;
    let node = this.#waiting.first;
    while (node !== null && !node.value.hasPartialFrame) node = node.next;
    if (node === null) {
      if (this.#waiting.length > 0) {
        this.#timer = this.#clock.schedule(FAVOUR_AFTER_MS, () => this.#favourOldest());
      }
      return;
    }
    this.#waiting.remove(node);
    this.#favoured = node;
    this.#timer = this.#clock.schedule(FAVOURED_MS_MAX, () => this.#refuseFavoured());
    node.value.memoryFreed();
  }

  #refuseFavoured(): void {
    const node = this.#favoured;
    this.#timer = null;
    if (node === null) return;
    this.#endFavour();
    if (node.value.hasPartialFrame && this.isShort) node.value.memoryRefused();
  }

  #endFavour(): void {
    this.#favoured = null;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#waiting.length === 0 || !this.isShort) return;
    this.#timer = this.#clock.schedule(FAVOUR_AFTER_MS, () => this.#favourOldest());
  }
}

const WAKES_PER_TURN = 16;
const FAVOUR_AFTER_MS = 1000;
const FAVOURED_MS_MAX = 10_000;
