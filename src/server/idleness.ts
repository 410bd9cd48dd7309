/**
 * How long one connection has been silent. A stranger, who has not sent a valid header yet, has one
 * deadline from the start, whatever it does. All others are heard anew with every request, or every
 * so many bytes of a large one.
 */
import { LinkedNode } from "../base/linked-list.ts";
import type { IdleList, IdleUser } from "./idle-list.ts";
import { ACTIVITY_BYTES_MIN } from "./limits.ts";

export interface IdleLists {
  /** Those that have sent a valid header, and those that have not. */
  readonly idle: IdleList;
  readonly strangers: IdleList;
}

export class Idleness {
  readonly #lists: IdleLists;
  readonly #node: LinkedNode<IdleUser>;
  #isStranger = true;
  #hasLeft = false;
  #bytesSinceActive = 0;

  constructor(user: IdleUser, lists: IdleLists, nowMs: number) {
    this.#lists = lists;
    this.#node = new LinkedNode(user);
    lists.strangers.touch(this.#node, nowMs);
  }

  get isStranger(): boolean {
    return this.#isStranger;
  }

  becomeKnown(nowMs: number): void {
    this.#isStranger = false;
    this.#lists.strangers.leave(this.#node);
    this.#lists.idle.touch(this.#node, nowMs);
  }

  /** `isPart`: the end of a request is still to come. */
  received(size: number, isPart: boolean, nowMs: number): void {
    this.#bytesSinceActive += size;
    if (!isPart || this.#bytesSinceActive >= ACTIVITY_BYTES_MIN) this.touch(nowMs);
  }

  touch(nowMs: number): void {
    this.#bytesSinceActive = 0;
    if (!this.#isStranger && !this.#hasLeft) this.#lists.idle.touch(this.#node, nowMs);
  }

  /** The connection is closed. */
  leave(): void {
    this.#hasLeft = true;
    (this.#isStranger ? this.#lists.strangers : this.#lists.idle).leave(this.#node);
  }
}
