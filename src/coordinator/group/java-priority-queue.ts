/**
 * Java's PriorityQueue: which of several equal elements comes first is a matter of its heap, and
 * Kafka's assignors give out tasks in that order.
 */
export class JavaPriorityQueue<T> {
  readonly #heap: T[] = [];
  readonly #keyOf: (element: T) => number;

  constructor(elements: Iterable<T>, keyOf: (element: T) => number) {
    this.#keyOf = keyOf;
    for (const element of elements) this.add(element);
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  add(element: T): void {
    const heap = this.#heap;
    const key = this.#keyOf(element);
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (key >= this.#keyOf(heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = element;
  }

  /** The least one, or null. */
  poll(): T | null {
    const heap = this.#heap;
    const least = heap[0];
    const last = heap.pop();
    if (least === undefined || last === undefined) return null;
    if (heap.length > 0) this.#settle(last);
    return least;
  }

  /** Puts an element at the top, and down to where it belongs. */
  #settle(element: T): void {
    const heap = this.#heap;
    const key = this.#keyOf(element);
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && this.#keyOf(heap[child]!) > this.#keyOf(heap[right]!)) {
        child = right;
      }
      if (key <= this.#keyOf(heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = element;
  }
}
