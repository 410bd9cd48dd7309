import { expect, test } from "bun:test";
import { coordinatorPartitionFor, javaHashCode } from "../../src/coordinator/java-hash.ts";
import { grownCapacity, stringsInJavaOrder } from "../../src/coordinator/java-order.ts";

/** Printed by Java 17: `"...".hashCode()`. */
const HASHES: [string, number][] = [
  ["", 0],
  ["a", 97],
  ["group", 98629247],
  ["console-consumer-61000", 163040308],
  ["my-group", -1906497762],
  ["\u00e4\u00f6\u00fc", 226986],
  ["\ud83d\ude00 smile", -1559691765],
  ["polygenelubricants", -2147483648],
  ["connect-cluster", 1440343063],
  ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 847293440],
];

test("hashes a string as Java does", () => {
  for (const [text, hash] of HASHES) expect([text, javaHashCode(text)]).toEqual([text, hash]);
});

test("places a group in the partition in which Kafka does, also where the hash is negative", () => {
  const placed = HASHES.map(([text]) => coordinatorPartitionFor(text, 50));
  // Java: Utils.abs(text.hashCode()) % 50
  expect(placed).toEqual([0, 47, 47, 8, 12, 36, 15, 0, 13, 40]);
});

test("knows the order in which a small HashMap is walked", () => {
  const names = ["range", "roundrobin", "sticky", "cooperative-sticky"];
  const walked = stringsInJavaOrder(names, grownCapacity(names.length));
  // Java: new HashMap of these four, keySet()
  expect(walked).toEqual(["sticky", "range", "roundrobin", "cooperative-sticky"]);
});
