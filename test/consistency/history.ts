/**
 * What concurrent clients did and saw: the input of the checker.
 *
 * An operation is one transaction, or one thing that a client does outside of one. How it ended is
 * known to its client in one of three ways:
 *
 *   ok      it happened: what it wrote is there for ever
 *   failed  it did not happen, and never will: nobody may read what it wrote
 *   unknown no answer came: it may have happened, whole, or not at all
 */
export type Ending = "ok" | "failed" | "unknown";

export type Isolation = "read_committed" | "read_uncommitted";

export interface Send {
  /** topic-partition */
  readonly partition: string;
  /** No two sends of a history have the same. */
  readonly value: string;
  /** Where it was acknowledged; null when no answer told. */
  offset: number | null;
}

export interface Poll {
  readonly partition: string;
  readonly isolation: Isolation;
  /** It was asked for what lies from here on ... */
  readonly fromOffset: number;
  /** ... and the reader goes on here. */
  readonly nextOffset: number;
  readonly records: readonly Polled[];
}

export interface Polled {
  readonly offset: number;
  readonly value: string;
}

export interface Operation {
  readonly index: number;
  /** Who did it: one thing after the other. */
  readonly process: string;
  readonly sends: Send[];
  readonly polls: Poll[];
  ending: Ending;
}

export class History {
  readonly operations: Operation[] = [];
  #valueCount = 0;

  /** Begins an operation: unknown until its client knows better. */
  begin(process: string): Operation {
    const index = this.operations.length;
    const operation: Operation = { index, process, sends: [], polls: [], ending: "unknown" };
    this.operations.push(operation);
    return operation;
  }

  nextValue(): string {
    return `v${this.#valueCount++}`;
  }
}
