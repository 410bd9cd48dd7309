/**
 * What has ever been committed in one partition: whatever a replica had below its high watermark.
 * It only grows, and every replica must have the same of it.
 */
import type { MarkerRules } from "./marker-rules.ts";
import type { BatchView, ReplicaView } from "./replica-view.ts";
import { Violation } from "./violation.ts";

interface ProducerEnd {
  readonly epoch: number;
  readonly lastSequence: number;
  readonly offset: number;
}

interface LogRange {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

export class CommittedLog {
  readonly #name: string;
  readonly batches: BatchView[] = [];
  /** By producer id. */
  readonly #producers = new Map<number, ProducerEnd>();

  constructor(
    name: string,
    private readonly markers: MarkerRules,
  ) {
    this.#name = name;
  }

  get endOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.lastOffset + 1;
  }

  /** `who` has all this below its high watermark. */
  claimed(who: string, view: ReplicaView, highWatermark: number): void {
    const known = view.batches;
    let index = view.comparedCount;
    if (index >= known.length) return;
    let at = lowerBound(this.batches, known[index]!.baseOffset);
    for (; index < known.length; index++, at++) {
      const batch = known[index]!;
      if (batch.lastOffset >= highWatermark) break;
      const other = this.batches[at];
      if (other === undefined) this.#add(who, batch);
      else if (!isSame(batch, other)) {
        throw new Violation(
          "committed-differs",
          `${this.#name}: ${who} has ${told(batch)} below its high watermark ${highWatermark}, ` +
            `and ${told(other)} was committed`,
        );
      }
    }
    view.comparedCount = index;
  }

  /**
   * `who` leads in the newest epoch: all that was committed must be in its log, but for what lies
   * before the log's start, as somebody deletes records.
   */
  expectAllIn(who: string, view: ReplicaView, log: LogRange): void {
    const last = this.batches.at(-1);
    if (last === undefined) return;
    const { logStartOffset, logEndOffset } = log;
    if (last.lastOffset < logStartOffset && logEndOffset > last.lastOffset) return;
    const there = view.batches[lowerBound(view.batches, last.baseOffset)];
    if (there !== undefined && isSame(there, last)) return;
    const found = there === undefined ? `ends at ${view.endOffset}` : `has ${told(there)}`;
    throw new Violation(
      "committed-lost",
      `${this.#name}: ${who} leads and ${found}, but ${told(last)} was committed`,
    );
  }

  #add(who: string, batch: BatchView): void {
    const last = this.batches.at(-1);
    if (last !== undefined) {
      if (batch.baseOffset <= last.lastOffset) {
        this.#bad("offsets-overlap", who, batch, last);
      }
      if (batch.epoch < last.epoch) this.#bad("epochs-fall", who, batch, last);
    }
    this.#addProducer(who, batch);
    this.markers.add(this.#name, batch);
    this.batches.push(batch);
  }

  #addProducer(who: string, batch: BatchView): void {
    const { producerId, producerEpoch: epoch, baseSequence, lastSequence } = batch;
    if (producerId < 0 || baseSequence < 0) return;
    const before = this.#producers.get(producerId);
    const after = { epoch, lastSequence, offset: batch.baseOffset };
    this.#producers.set(producerId, after);
    if (before === undefined || before.epoch < epoch) return;
    if (before.epoch === epoch && baseSequence === before.lastSequence + 1) return;
    throw new Violation(
      "sequence-broken",
      `${this.#name}: ${who} has ${told(batch)} with sequence ${baseSequence} of producer ` +
        `${producerId} epoch ${epoch}, behind sequence ${before.lastSequence} of epoch ` +
        `${before.epoch} at ${before.offset}`,
    );
  }

  #bad(kind: string, who: string, batch: BatchView, last: BatchView): never {
    throw new Violation(kind, `${this.#name}: ${who} has ${told(batch)} behind ${told(last)}`);
  }
}

function isSame(one: BatchView, other: BatchView): boolean {
  return one.baseOffset === other.baseOffset && one.crc === other.crc && one.epoch === other.epoch;
}

function told({ baseOffset, lastOffset, epoch, crc }: BatchView): string {
  return `${baseOffset}-${lastOffset} of epoch ${epoch} (${(crc >>> 0).toString(16)})`;
}

/** The first that begins at `baseOffset` or behind. */
function lowerBound(batches: readonly BatchView[], baseOffset: number): number {
  let [low, high] = [0, batches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (batches[middle]!.baseOffset < baseOffset) low = middle + 1;
    else high = middle;
  }
  return low;
}
