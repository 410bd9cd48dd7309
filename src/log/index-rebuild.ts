/**
 * Building the indexes of a closed segment anew while it goes on being read: the entries come
 * together in memory and replace the files at once.
 */
import { lastOffset, maxTimestamp } from "../protocol/record-batch.ts";
import { scanBatches } from "./batch-scan.ts";
import type { LogState } from "./log-state.ts";
import { OFFSET_ENTRY_SIZE } from "./offset-index.ts";
import type { Segment } from "./segment.ts";
import { TIME_ENTRY_SIZE, writeTimeEntry } from "./time-index.ts";

export async function rebuildIndexes(state: LogState, segment: Segment): Promise<void> {
  const { baseOffset } = segment;
  const { indexIntervalBytes } = state.config;
  const offsets = new Entries(OFFSET_ENTRY_SIZE);
  const times = new Entries(TIME_ENTRY_SIZE);
  let bytesSinceEntry = 0;
  let largest = -1;
  let largestOffset = baseOffset;
  let lastIndexed = -1;
  const noteTime = (): void => {
    if (largest <= lastIndexed) return;
    lastIndexed = largest;
    times.add((bytes, at) => writeTimeEntry(bytes, at, largest, largestOffset - baseOffset));
  };
  const handle = segment.log;
  const file = handle.retain();
  try {
    const end = await scanBatches(file, 0, segment.size, (bytes, at, size, position) => {
      const last = lastOffset(bytes, at);
      if (!segment.canHold(last)) return false;
      if (maxTimestamp(bytes, at) > largest) {
        largest = maxTimestamp(bytes, at);
        largestOffset = last;
      }
      if (bytesSinceEntry > indexIntervalBytes) {
        offsets.add((entry, start) => {
          entry.writeInt32BE(last - baseOffset, start);
          entry.writeInt32BE(position, start + 4);
        });
        noteTime();
        bytesSinceEntry = 0;
      }
      bytesSinceEntry += size;
      return true;
    });
    if (end < segment.size) {
      state.host.logger.error(`${state.name}: segment ${baseOffset} is damaged at position ${end}`);
    }
  } finally {
    handle.release();
  }
  noteTime();
  // It may have been deleted or cut in the meantime.
  if (!state.segments.has(segment) || segment === state.segments.active) return;
  segment.replaceIndexes(offsets.bytes(), times.bytes());
}

class Entries {
  #bytes = Buffer.alloc(1024);
  #size = 0;
  readonly #entrySize: number;

  constructor(entrySize: number) {
    this.#entrySize = entrySize;
  }

  add(write: (bytes: Buffer, at: number) => void): void {
    if (this.#size + this.#entrySize > this.#bytes.length) {
      const larger = Buffer.alloc(this.#bytes.length * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    write(this.#bytes, this.#size);
    this.#size += this.#entrySize;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}
