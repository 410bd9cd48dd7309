/**
 * A doubly linked list whose nodes are kept by their owners, so that leaving costs no search.
 *
 * Used where the same thing joins and leaves often: a Map or a Set that sees the same key set and
 * deleted over and over walks its own tombstones (microseconds at a few thousand entries).
 */
import { assert } from "./assert.ts";

export class LinkedNode<T> {
  list: LinkedList<T> | null = null;
  previous: LinkedNode<T> | null = null;
  next: LinkedNode<T> | null = null;

  constructor(readonly value: T) {}
}

export class LinkedList<T> {
  #first: LinkedNode<T> | null = null;
  #last: LinkedNode<T> | null = null;
  #length = 0;

  get first(): LinkedNode<T> | null {
    return this.#first;
  }

  get length(): number {
    return this.#length;
  }

  append(node: LinkedNode<T>): void {
    assert(node.list === null, "a node is in one list at a time");
    node.list = this;
    node.previous = this.#last;
    if (this.#last === null) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#length++;
  }

  remove(node: LinkedNode<T>): void {
    assert(node.list === this, "the node is in this list");
    if (node.previous === null) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.list = null;
    node.previous = null;
    node.next = null;
    this.#length--;
  }
}
