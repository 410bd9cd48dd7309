import { expect, test } from "bun:test";
import { type AnomalyKind, checkHistory } from "./check-history.ts";
import { type Ending, History, type Isolation } from "./history.ts";

type Records = readonly (readonly [offset: number, value: string])[];

class Told extends History {
  sent(process: string, ending: Ending, records: readonly (readonly [number | null, string])[]) {
    const operation = this.begin(process);
    for (const [offset, value] of records) operation.sends.push({ partition: "p", value, offset });
    operation.ending = ending;
    return operation;
  }

  read(process: string, records: Records, isolation: Isolation = "read_committed") {
    const operation = this.begin(process);
    operation.polls.push(pollOf(records, isolation));
    operation.ending = "ok";
    return operation;
  }
}

function pollOf(records: Records, isolation: Isolation = "read_committed") {
  return {
    partition: "p",
    isolation,
    fromOffset: records[0]![0],
    nextOffset: records.at(-1)![0] + 1,
    records: records.map(([offset, value]) => ({ offset, value })),
  };
}

function kindsOf(tell: (history: Told) => void): AnomalyKind[] {
  const history = new Told();
  tell(history);
  return [...new Set(checkHistory(history, "last").map(({ kind }) => kind))].sort();
}

test("a history in which all went well has no anomaly", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [
      [0, "x"],
      [1, "y"],
    ]);
    history.sent("b", "failed", [[3, "never"]]);
    history.sent("c", "unknown", [[null, "maybe"]]);
    history.read("r", [
      [0, "x"],
      [1, "y"],
    ]);
    history.read("r", [[6, "maybe"]]);
    history.read("u", [[3, "never"]], "read_uncommitted");
    history.read("last", [
      [0, "x"],
      [1, "y"],
      [6, "maybe"],
    ]);
  });
  expect(kinds).toEqual([]);
});

test("two values at one offset", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]);
    history.sent("b", "ok", [[0, "y"]]);
    history.read("last", [
      [0, "x"],
      [1, "y"],
    ]);
  });
  expect(kinds).toEqual(["duplicate", "inconsistent-offsets"]);
});

test("one value at two offsets", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]);
    history.read("last", [
      [0, "x"],
      [1, "x"],
    ]);
  });
  expect(kinds).toEqual(["duplicate"]);
});

test("what was acknowledged and is not there is lost, behind the last record unseen", () => {
  const lost = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]);
    history.sent("b", "ok", [[1, "y"]]);
    history.read("last", [[1, "y"]]);
  });
  expect(lost).toEqual(["lost-write"]);
  const unseen = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]);
    history.sent("a", "ok", [[1, "y"]]);
    history.read("last", [[0, "x"]]);
  });
  expect(unseen).toEqual(["unseen"]);
});

test("a transaction without an answer is there as a whole, or not at all", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "unknown", [
      [0, "x"],
      [1, "y"],
    ]);
    history.read("last", [[0, "x"]]);
  });
  expect(kinds).toEqual(["torn-transaction"]);
});

test("an aborted transaction is not read", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "failed", [[0, "x"]]);
    history.read("r", [[0, "x"]]);
    history.read("last", [[0, "x"]]);
  });
  expect(kinds).toEqual(["G1a"]);
});

test("nobody reads what nobody wrote", () => {
  expect(kindsOf((history) => history.read("last", [[0, "x"]]))).toEqual(["invented"]);
});

test("a transaction does not read its own writes", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]).polls.push(pollOf([[0, "x"]]));
    history.read("last", [[0, "x"]]);
  });
  expect(kinds).toEqual(["precommitted-read"]);
});

test("transactions do not read from each other in a circle", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [[0, "x"]]).polls.push(pollOf([[1, "y"]]));
    history.sent("b", "ok", [[1, "y"]]).polls.push(pollOf([[0, "x"]]));
    history.read("last", [
      [0, "x"],
      [1, "y"],
    ]);
  });
  expect(kinds).toContain("G1c");
});

test("a reader neither skips nor goes back", () => {
  const tell = (records: Records) => (history: Told) => {
    history.sent("a", "ok", [
      [0, "x"],
      [1, "y"],
      [2, "z"],
    ]);
    history.read("r", [[0, "x"]]);
    history.read("r", records);
    history.read("last", [
      [0, "x"],
      [1, "y"],
      [2, "z"],
    ]);
  };
  expect(kindsOf(tell([[2, "z"]]))).toEqual(["poll-skip"]);
  expect(kindsOf(tell([[0, "x"]]))).toEqual(["nonmonotonic-poll"]);
});

test("later sends of one process lie behind", () => {
  const kinds = kindsOf((history) => {
    history.sent("a", "ok", [[1, "x"]]);
    history.sent("a", "ok", [[0, "y"]]);
    history.read("last", [
      [0, "y"],
      [1, "x"],
    ]);
  });
  expect(kinds).toEqual(["nonmonotonic-send"]);
});
