/** Reads the batches of a closed segment in pieces, each of about as many bytes as asked for. */
import type { Disk, DiskFile } from "../../base/world.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { scanBatchesNow, type VisitBatch } from "../batch-scan.ts";
import { LOG_SUFFIX, segmentFileName } from "../log-names.ts";

export interface ReadableSegment {
  readonly baseOffset: number;
  readonly size: number;
  readonly position?: number;
}

export class SegmentReader {
  readonly baseOffset: number;
  readonly #file: DiskFile;
  readonly #size: number;
  readonly #buffer: Buffer;
  #position: number;

  /** `buffer` is for whoever reads one segment after the other. */
  constructor(disk: Disk, directory: string, segment: ReadableSegment, buffer: Buffer) {
    const path = `${directory}/${segmentFileName(segment.baseOffset, LOG_SUFFIX)}`;
    this.#file = disk.open(path, "read");
    this.baseOffset = segment.baseOffset;
    this.#size = segment.size;
    this.#position = segment.position ?? 0;
    this.#buffer = buffer;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#size;
  }

  /**
   * Visits whole batches, at least one, and returns how many bytes they have. A visit that refuses
   * its batch ends the piece before it.
   */
  read(bytesMax: number, visit: VisitBatch): number {
    const from = this.#position;
    let isRefused = false;
    const visitOr: VisitBatch = (bytes, at, size, position) => {
      isRefused = !visit(bytes, at, size, position);
      return !isRefused;
    };
    const to = Math.min(this.#size, from + bytesMax);
    this.#position = scanBatchesNow(this.#file, from, to, visitOr, this.#buffer);
    if (this.#position > from || isRefused || this.isAtEnd) return this.#position - from;
    // The next batch is larger than the piece, or it is none.
    let isFirst = true;
    this.#position = scanBatchesNow(
      this.#file,
      from,
      this.#size,
      (bytes, at, size, position) => {
        if (!isFirst) return false;
        isFirst = false;
        return visitOr(bytes, at, size, position);
      },
      this.#buffer,
    );
    if (this.#position === from && !isRefused) {
      throw new ProtocolError(`no whole batch at position ${from} of segment ${this.baseOffset}`);
    }
    return this.#position - from;
  }

  close(): void {
    this.#file.close();
  }
}
