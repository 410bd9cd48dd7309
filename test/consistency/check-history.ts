/**
 * Finds in a history what Kafka promises cannot happen: the analysis of Jepsen's Kafka workload
 * (jepsen.tests.kafka), with its names.
 *
 * Not anomalies, as Kafka does not promise otherwise: writes of transactions that lie among each
 * other's (G0, int-send-skip).
 */
import type { History, Isolation, Operation, Polled } from "./history.ts";

export type AnomalyKind =
  /** Two values at one offset. */
  | "inconsistent-offsets"
  /** One value at two offsets. */
  | "duplicate"
  /** Acknowledged, and skipped by all who read on behind it. */
  | "lost-write"
  /** Acknowledged, and never read, though the last reader read to the end. */
  | "unseen"
  /** A transaction of which a part was read, and another part lost. */
  | "torn-transaction"
  /** Read, though its writer failed. */
  | "G1a"
  /** Read, though nobody wrote it. */
  | "invented"
  /** Read by its own transaction before it was committed. */
  | "precommitted-read"
  /** Transactions that read each other's writes in a circle. */
  | "G1c"
  /** A reader left out what others read. */
  | "poll-skip"
  | "nonmonotonic-poll"
  | "nonmonotonic-send";

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly detail: string;
}

/** `finalReader`: the process whose polls read everything, when all others were done. */
export function checkHistory(history: History, finalReader: string): Anomaly[] {
  const check = new Check(history.operations);
  check.offsets();
  check.lostAndUnseen(finalReader);
  check.reads();
  check.circles();
  check.order();
  return check.anomalies;
}

class Check {
  readonly anomalies: Anomaly[] = [];
  readonly #operations: readonly Operation[];
  /** By value. */
  readonly #writers = new Map<string, Operation>();
  /** Values that somebody has read as committed. */
  readonly #read = new Set<string>();

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    for (const operation of operations) {
      for (const { value } of operation.sends) this.#writers.set(value, operation);
      for (const { isolation, records } of operation.polls) {
        if (isolation !== "read_committed") continue;
        for (const { value } of records) this.#read.add(value);
      }
    }
  }

  offsets(): void {
    const byPlace = new Map<string, string>();
    const byValue = new Map<string, string>();
    for (const { partition, offset, value } of this.#places()) {
      const place = `${partition} at ${offset}`;
      const other = byPlace.get(place) ?? value;
      if (other !== value) this.#found("inconsistent-offsets", `${place}: ${other} and ${value}`);
      byPlace.set(place, value);
      const before = byValue.get(value) ?? place;
      if (before !== place) this.#found("duplicate", `${value}: ${before} and ${place}`);
      byValue.set(value, place);
    }
  }

  lostAndUnseen(finalReader: string): void {
    const highest = new Map<string, number>();
    for (const { partition, records } of this.#pollsOf("read_committed")) {
      const last = records.at(-1)?.offset ?? -1;
      highest.set(partition, Math.max(highest.get(partition) ?? -1, last));
    }
    const seenAtLast = new Set<string>();
    for (const { process, polls } of this.#operations) {
      if (process !== finalReader) continue;
      for (const { records } of polls) for (const { value } of records) seenAtLast.add(value);
    }
    for (const operation of this.#operations) {
      const mustBeThere =
        operation.ending === "ok" || operation.sends.some(({ value }) => this.#read.has(value));
      if (!mustBeThere) continue;
      for (const { partition, offset, value } of operation.sends) {
        if (seenAtLast.has(value)) continue;
        const where = `${value} of ${nameOf(operation)} at ${offset} of ${partition}`;
        if (operation.ending !== "ok") this.#found("torn-transaction", where);
        else if (offset !== null && offset <= (highest.get(partition) ?? -1)) {
          this.#found("lost-write", where);
        } else this.#found("unseen", where);
      }
    }
  }

  reads(): void {
    for (const operation of this.#operations) {
      const own = new Set(operation.sends.map(({ value }) => value));
      for (const { isolation, partition, records } of operation.polls) {
        for (const { offset, value } of records) {
          const writer = this.#writers.get(value);
          const where = `${value} at ${offset} of ${partition}, read by ${nameOf(operation)}`;
          if (writer === undefined) this.#found("invented", where);
          if (isolation !== "read_committed") continue;
          if (own.has(value)) this.#found("precommitted-read", where);
          if (writer?.ending === "failed") this.#found("G1a", `${where}, of ${nameOf(writer)}`);
        }
      }
    }
  }

  /** Follows who read whose writes; a way back is a circle. */
  circles(): void {
    const readFrom = this.#operations.map((operation) => {
      const writers = operation.polls
        .filter(({ isolation }) => isolation === "read_committed")
        .flatMap(({ records }) => records.map(({ value }) => this.#writers.get(value)?.index));
      return [...new Set(writers)].filter(
        (index): index is number => index !== undefined && index !== operation.index,
      );
    });
    const state: ("open" | "done" | undefined)[] = [];
    const visit = (start: number): void => {
      const path = [{ index: start, next: 0 }];
      state[start] = "open";
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const writer = readFrom[top.index]![top.next++];
        if (writer === undefined) {
          state[top.index] = "done";
          path.pop();
        } else if (state[writer] === "open") {
          const from = path.findIndex(({ index }) => index === writer);
          const names = path.slice(from).map(({ index }) => nameOf(this.#operations[index]!));
          this.#found("G1c", names.join(" read from "));
        } else if (state[writer] === undefined) {
          state[writer] = "open";
          path.push({ index: writer, next: 0 });
        }
      }
    };
    for (const { index } of this.#operations) if (state[index] === undefined) visit(index);
  }

  order(): void {
    const sentTo = new Map<string, number>();
    const polledTo = new Map<string, number>();
    const known = {
      read_committed: this.#offsetsReadAs("read_committed"),
      read_uncommitted: this.#offsetsReadAs("read_uncommitted"),
    };
    for (const operation of this.#operations) {
      for (const { partition, offset } of operation.sends) {
        if (offset === null) continue;
        const who = `${operation.process} ${partition}`;
        const before = sentTo.get(who) ?? -1;
        if (offset <= before) this.#found("nonmonotonic-send", `${who}: ${offset} after ${before}`);
        sentTo.set(who, offset);
      }
      for (const { partition, isolation, fromOffset, nextOffset, records } of operation.polls) {
        const who = `${operation.process} ${partition} ${isolation}`;
        const others = known[isolation].get(partition) ?? new Map<number, string>();
        let before = polledTo.get(who) ?? fromOffset - 1;
        for (const offset of [...records.map((record) => record.offset), nextOffset]) {
          if (offset <= before) {
            this.#found("nonmonotonic-poll", `${who}: ${offset} after ${before}`);
          }
          for (let skipped = before + 1; skipped < offset; skipped++) {
            const value = others.get(skipped);
            if (value !== undefined) this.#found("poll-skip", `${who}: ${value} at ${skipped}`);
          }
          before = offset;
        }
        before = nextOffset - 1;
        polledTo.set(who, before);
      }
    }
  }

  /** Everywhere that a value is said to be. */
  *#places(): Generator<Polled & { readonly partition: string }> {
    for (const { sends, polls } of this.#operations) {
      for (const { partition, offset, value } of sends) {
        if (offset !== null) yield { partition, offset, value };
      }
      for (const { partition, records } of polls) {
        for (const { offset, value } of records) yield { partition, offset, value };
      }
    }
  }

  *#pollsOf(isolation: Isolation) {
    for (const { polls } of this.#operations) {
      for (const poll of polls) if (poll.isolation === isolation) yield poll;
    }
  }

  #offsetsReadAs(isolation: Isolation): Map<string, Map<number, string>> {
    const byPartition = new Map<string, Map<number, string>>();
    for (const { partition, records } of this.#pollsOf(isolation)) {
      const offsets = byPartition.get(partition) ?? new Map<number, string>();
      for (const { offset, value } of records) offsets.set(offset, value);
      byPartition.set(partition, offsets);
    }
    return byPartition;
  }

  #found(kind: AnomalyKind, detail: string): void {
    this.anomalies.push({ kind, detail });
  }
}

function nameOf({ process, index, ending }: Operation): string {
  return `${process}'s operation ${index} (${ending})`;
}
