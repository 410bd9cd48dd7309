import { expect, test } from "bun:test";
import { LinkedList, LinkedNode } from "../../src/base/linked-list.ts";
import { Queue } from "../../src/base/queue.ts";
import { FakeRandom } from "../sim/fake-random.ts";

test("a queue gives what an array gives, whatever the order of pushes and shifts", () => {
  const random = new FakeRandom(7);
  const queue = new Queue<number>();
  const model: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    // Long runs of one kind, so that the ring grows, wraps and shrinks.
    const pushes = (round >> 11) % 2 === 0 ? 0.7 : 0.3;
    if (random.chance(pushes)) {
      queue.push(round);
      model.push(round);
    } else if (model.length > 0) {
      expect(queue.shift()).toBe(model.shift()!);
    }
    if (queue.length !== model.length) expect(queue.length).toBe(model.length);
  }
  for (let index = 0; index < model.length; index++) expect(queue.at(index)).toBe(model[index]!);
  queue.clear();
  expect(queue.length).toBe(0);
  expect(() => queue.shift()).toThrow("within the queue");
});

test("a list loses any of its nodes without a search, and takes it again", () => {
  const list = new LinkedList<string>();
  const nodes = ["a", "b", "c", "d"].map((value) => new LinkedNode(value));
  for (const node of nodes) list.append(node);
  list.remove(nodes[1]!);
  expect(valuesOf(list)).toEqual(["a", "c", "d"]);
  list.remove(nodes[0]!);
  list.remove(nodes[3]!);
  list.append(nodes[1]!);
  list.append(nodes[0]!);
  expect(valuesOf(list)).toEqual(["c", "b", "a"]);
  expect(list.length).toBe(3);
  expect(() => list.append(nodes[0]!)).toThrow("one list at a time");
  expect(() => list.remove(nodes[3]!)).toThrow("is in this list");
});

function valuesOf(list: LinkedList<string>): string[] {
  const values: string[] = [];
  for (let node = list.first; node !== null; node = node.next) values.push(node.value);
  return values;
}
