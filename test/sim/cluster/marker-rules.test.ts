/** The rules of markers tell what breaks them, and let pass what Kafka does. */
import { expect, test } from "bun:test";
import { MarkerRules } from "./marker-rules.ts";
import type { BatchView } from "./replica-view.ts";

const ID = 7;

test("a transaction ends once everywhere, and its marker may come again", () => {
  const rules = new MarkerRules();
  for (const name of ["a-0", "b-0"]) {
    rules.add(name, batch(5, null));
    rules.add(name, batch(6, "commit"));
    rules.add(name, batch(6, "commit"));
    rules.add(name, batch(6, null));
    rules.add(name, batch(7, "abort"));
  }
});

test("it does not end one way here, and another there", () => {
  const rules = new MarkerRules();
  rules.add("a-0", batch(6, "commit"));
  expect(() => rules.add("b-0", batch(6, "abort"))).toThrow("ends-both-ways");
});

test("a late marker does not end what has begun since", () => {
  const rules = new MarkerRules();
  rules.add("a-0", batch(6, "commit"));
  rules.add("a-0", batch(6, null));
  expect(() => rules.add("a-0", batch(6, "commit"))).toThrow("ends-another");
});

test("no marker is older than the one before", () => {
  const rules = new MarkerRules();
  rules.add("a-0", batch(6, "commit"));
  expect(() => rules.add("a-0", batch(5, "abort"))).toThrow("marker-went-back");
});

function batch(producerEpoch: number, end: BatchView["end"]): BatchView {
  const place = { baseOffset: 0, lastOffset: 0, epoch: 0, crc: 0 };
  const sequence = { baseSequence: -1, lastSequence: -1 };
  return { ...place, ...sequence, producerId: ID, producerEpoch, end, isTransactional: true };
}
