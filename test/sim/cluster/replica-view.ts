/**
 * The batches of one replica as they lie in its files, read past the code of the log: what the
 * code believes of them is another matter. Reads on where it was, and anew when what it has read
 * is no longer there.
 */
import { LOG_SUFFIX } from "../../../src/log/log-names.ts";
import { controlRecordTypeOf, ControlRecordType } from "../../../src/protocol/control-record.ts";
import { openBatch } from "../../../src/protocol/record.ts";
import * as header from "../../../src/protocol/record-batch.ts";
import type { FakeDisk } from "../fake-disk.ts";

export interface BatchView {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly crc: number;
  /** How a transaction ends with it; null when it is no marker. */
  readonly end: "commit" | "abort" | null;
  readonly isTransactional: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
}

export class ReplicaView {
  batches: BatchView[] = [];
  /** How many of them whoever looks on has compared with others; 0 when they were read anew. */
  comparedCount = 0;
  #segment = "";
  /** Behind the last batch, and of it. */
  #position = 0;
  #lastPosition = 0;

  get endOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.lastOffset + 1;
  }

  /** Up to what the files have; what lies behind `endOffset` of the log is left out. */
  read(disk: FakeDisk, directory: string, logEndOffset: number): void {
    if (!this.#isStillThere(disk)) this.#forget();
    for (;;) {
      this.#readSegment(disk, logEndOffset);
      if (this.batches.length > 0 && this.endOffset >= logEndOffset) return;
      const next = this.#nextSegment(disk, directory);
      if (next === null) return;
      this.#segment = next;
      this.#position = 0;
    }
  }

  #forget(): void {
    this.batches = [];
    this.comparedCount = 0;
    this.#segment = "";
    this.#position = 0;
  }

  #isStillThere(disk: FakeDisk): boolean {
    const last = this.batches.at(-1);
    if (last === undefined) return false;
    const bytes = disk.peek(this.#segment);
    const at = this.#lastPosition;
    if (this.#position === 0) return bytes !== null;
    if (bytes === null || bytes.length < this.#position) return false;
    return (
      header.baseOffset(bytes, at) === last.baseOffset &&
      header.crc(bytes, at) === last.crc &&
      header.partitionLeaderEpoch(bytes, at) === last.epoch
    );
  }

  #readSegment(disk: FakeDisk, logEndOffset: number): void {
    if (this.#segment === "") return;
    const bytes = disk.peek(this.#segment);
    if (bytes === null) return;
    let at = this.#position;
    for (let size = 0; (size = sizeAt(bytes, at)) > 0; at += size) {
      const baseOffset = header.baseOffset(bytes, at);
      if (baseOffset >= logEndOffset) break;
      this.#lastPosition = at;
      this.#position = at + size;
      this.batches.push({
        baseOffset,
        lastOffset: header.lastOffset(bytes, at),
        epoch: header.partitionLeaderEpoch(bytes, at),
        crc: header.crc(bytes, at),
        end: header.isControl(bytes, at) ? endOf(bytes, at) : null,
        isTransactional: header.isTransactional(bytes, at),
        producerId: header.producerId(bytes, at),
        producerEpoch: header.producerEpoch(bytes, at),
        baseSequence: header.baseSequence(bytes, at),
        lastSequence: header.lastSequence(bytes, at),
      });
    }
  }

  #nextSegment(disk: FakeDisk, directory: string): string | null {
    const paths = disk
      .peekNames(directory)
      .filter((name) => name.endsWith(LOG_SUFFIX))
      .map((name) => `${directory}/${name}`)
      .sort();
    return paths.find((path) => path > this.#segment) ?? null;
  }
}

function endOf(bytes: Buffer, at: number): "commit" | "abort" | null {
  const cursor = openBatch(bytes, at);
  if (!cursor.next()) return null;
  const type = controlRecordTypeOf(cursor.key());
  if (type === ControlRecordType.COMMIT) return "commit";
  return type === ControlRecordType.ABORT ? "abort" : null;
}

function sizeAt(bytes: Buffer, at: number): number {
  if (bytes.length - at < header.BATCH_HEADER_SIZE) return 0;
  const size = bytes.readInt32BE(at + 8) + header.BATCH_PREFIX_SIZE;
  return size < header.BATCH_HEADER_SIZE || at + size > bytes.length ? 0 : size;
}
