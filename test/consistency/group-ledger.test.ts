/** What the ledger of a group takes for an anomaly, and what it does not. */
import { expect, test } from "bun:test";
import { GroupAnomaly, GroupLedger } from "./group-ledger.ts";

const PLACE = "both-0";

function committed(ledger: GroupLedger, offset: number, member = "a", epoch = 1): void {
  ledger.end(ledger.begin(member, epoch, PLACE, offset), "ok");
}

test("what was committed last is there", () => {
  const ledger = new GroupLedger();
  ledger.fetched(PLACE, -1, ledger.now());
  committed(ledger, 3);
  committed(ledger, 5);
  ledger.fetched(PLACE, 5, ledger.now());
  expect(() => ledger.fetched(PLACE, 3, ledger.now())).toThrow(GroupAnomaly);
  expect(() => ledger.fetched(PLACE, -1, ledger.now())).toThrow(GroupAnomaly);
  expect(ledger.okCount).toBe(2);
});

test("a commit without an answer may be done at any time, one that was refused never", () => {
  const ledger = new GroupLedger();
  committed(ledger, 3);
  ledger.begin("a", 1, PLACE, 4);
  ledger.end(ledger.begin("a", 1, PLACE, 9), "failed");
  committed(ledger, 6);
  ledger.fetched(PLACE, 6, ledger.now());
  ledger.fetched(PLACE, 4, ledger.now());
  expect(() => ledger.fetched(PLACE, 9, ledger.now())).toThrow(GroupAnomaly);
});

test("of commits at the same time either may be the last", () => {
  const ledger = new GroupLedger();
  const [one, other] = [ledger.begin("a", 1, PLACE, 3), ledger.begin("a", 1, PLACE, 4)];
  ledger.end(other, "ok");
  ledger.end(one, "ok");
  ledger.fetched(PLACE, 3, ledger.now());
  ledger.fetched(PLACE, 4, ledger.now());
});

test("nobody has what another has in the same epoch, or has been given later", () => {
  const ledger = new GroupLedger();
  const asked = ledger.now();
  ledger.claim("a", 5, PLACE, asked);
  expect(() => ledger.claim("b", 5, PLACE, ledger.now())).toThrow(GroupAnomaly);
  ledger.claim("b", 6, PLACE, ledger.now());
  // Its answer was on its way when the other one was asked.
  ledger.claim("a", 5, PLACE, asked);
  expect(() => ledger.claim("a", 5, PLACE, ledger.now())).toThrow(GroupAnomaly);
});

test("who has lost a partition to another commits there no more", () => {
  const ledger = new GroupLedger();
  ledger.claim("a", 5, PLACE, ledger.now());
  const early = ledger.begin("a", 5, PLACE, 7);
  ledger.claim("b", 6, PLACE, ledger.now());
  ledger.end(early, "ok");
  const late = ledger.begin("a", 5, PLACE, 8);
  expect(() => ledger.end(late, "ok")).toThrow(GroupAnomaly);
});
