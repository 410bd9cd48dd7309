/**
 * At which offset each leader epoch of a partition began: `leader-epoch-checkpoint`, a checkpoint
 * text of lines "epoch startOffset". A follower finds with it where its log parts from its
 * leader's.
 *
 * The file is read when somebody asks for more than the latest epoch. It is written in the
 * background: an entry whose records are lost too is not missed, and `Log` moves its recovery point
 * over an epoch's first record only when the entry is on disk. After a crash the records behind
 * the recovery point give back what is missing.
 *
 * Invariant: epochs and start offsets ascend.
 */
import type { Disk } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { formatCheckpoint, numberInCheckpoint, parseCheckpoint } from "./checkpoint-text.ts";

export const LEADER_EPOCH_FILE = "leader-epoch-checkpoint";
const UNDEFINED_EPOCH = -1;
const UNDEFINED_OFFSET = -1;

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

export class LeaderEpochs {
  /** What is in memory is not what is in the file. */
  isDirty = false;
  #entries: EpochEntry[] = NO_ENTRIES;
  /** Assigned before the file was read. */
  #early: EpochEntry[] = NO_ENTRIES;
  #isLoaded: boolean;
  /** What was read from the file; null when there was none, or a bad one. */
  #inFile: readonly EpochEntry[] | null = null;
  #logStartOffset = 0;
  #logEndOffset = Number.POSITIVE_INFINITY;
  readonly #place: { readonly disk: Disk; readonly directory: string };

  constructor(place: { readonly disk: Disk; readonly directory: string }, hasFile: boolean) {
    this.#place = place;
    this.#isLoaded = !hasFile;
  }

  /** What the file has beyond these offsets does not count: its last writing may have failed. */
  limitFile(logStartOffset: number, logEndOffset: number): void {
    this.#logStartOffset = logStartOffset;
    this.#logEndOffset = logEndOffset;
  }

  /** Oldest first. */
  get entries(): readonly EpochEntry[] {
    return this.#load();
  }

  get latestEpoch(): number {
    const latest = this.#early.at(-1) ?? this.#load().at(-1);
    return latest?.epoch ?? UNDEFINED_EPOCH;
  }

  get earliest(): EpochEntry | null {
    return this.#load()[0] ?? null;
  }

  /** An epoch begins at `startOffset`; entries that contradict it go. */
  assign(epoch: number, startOffset: number): void {
    const last = this.#early.at(-1) ?? (this.#isLoaded ? this.#entries.at(-1) : undefined);
    if (last !== undefined && last.epoch === epoch && last.startOffset <= startOffset) return;
    if (this.#isLoaded) this.#entries = withEpoch(this.#entries, { epoch, startOffset });
    else this.#early = withEpoch(this.#early, { epoch, startOffset });
    this.isDirty = true;
  }

  /**
   * Where records of `epoch` or older end; both UNDEFINED when nothing is known of it. For the
   * latest epoch that is the end of the log.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    const entries = this.#load();
    if (epoch === UNDEFINED_EPOCH) return UNDEFINED_END;
    if (entries.at(-1)?.epoch === epoch) return { epoch, endOffset: logEndOffset };
    const higher = entries.findIndex((entry) => entry.epoch > epoch);
    if (higher === -1) return UNDEFINED_END;
    const endOffset = entries[higher]!.startOffset;
    // Below the first known epoch: what came before is gone, and nobody shall miss it.
    if (higher === 0) return { epoch, endOffset };
    return { epoch: entries[higher - 1]!.epoch, endOffset };
  }

  /** The epoch of the record at `offset`; UNDEFINED_EPOCH when that is before all entries. */
  epochFor(offset: number): number {
    let found = UNDEFINED_EPOCH;
    for (const entry of this.#load()) {
      if (entry.startOffset > offset) break;
      found = entry.epoch;
    }
    return found;
  }

  /** Forgets epochs that begin at `endOffset` or behind it. */
  truncateFromEnd(endOffset: number): void {
    const entries = this.#load();
    if (entries.length === 0 || entries.at(-1)!.startOffset < endOffset) return;
    this.#entries = entries.filter((entry) => entry.startOffset < endOffset);
    this.isDirty = true;
  }

  /** The epoch that `startOffset` is in begins there now; older ones go. */
  truncateFromStart(startOffset: number): void {
    const entries = this.#load();
    let count = 0;
    while (count < entries.length && entries[count]!.startOffset <= startOffset) count++;
    if (count === 0) return;
    const first = entries[count - 1]!;
    if (count === 1 && first.startOffset === startOffset) return;
    this.#entries = [{ epoch: first.epoch, startOffset }, ...entries.slice(count)];
    this.isDirty = true;
  }

  clear(): void {
    this.#isLoaded = true;
    this.#early = NO_ENTRIES;
    this.#entries = NO_ENTRIES;
    this.isDirty = true;
  }

  /** After a recovery: what it has made anew may be just what the file says. */
  compareWithFile(): void {
    const entries = this.#load();
    const inFile = this.#inFile;
    this.#inFile = null;
    if (inFile === null || inFile.length !== entries.length) return;
    const isSame = entries.every(({ epoch, startOffset }, index) => {
      return epoch === inFile[index]!.epoch && startOffset === inFile[index]!.startOffset;
    });
    if (isSame) this.isDirty = false;
  }

  encode(): Buffer {
    const lines = this.#load().map((entry) => `${entry.epoch} ${entry.startOffset}`);
    return formatCheckpoint(lines);
  }

  #load(): EpochEntry[] {
    if (this.#isLoaded) return this.#entries;
    this.#isLoaded = true;
    this.#readFile();
    const wasDirty = this.isDirty;
    this.truncateFromEnd(this.#logEndOffset);
    this.truncateFromStart(this.#logStartOffset);
    this.isDirty = wasDirty;
    for (const entry of this.#early) this.#entries = withEpoch(this.#entries, entry);
    this.#early = NO_ENTRIES;
    return this.#entries;
  }

  #readFile(): void {
    const { disk, directory } = this.#place;
    try {
      const bytes = disk.readWhole(`${directory}/${LEADER_EPOCH_FILE}`);
      for (const [epoch, startOffset] of parseCheckpoint(bytes, 2)) {
        this.#entries = withEpoch(this.#entries, {
          epoch: numberInCheckpoint(epoch!),
          startOffset: numberInCheckpoint(startOffset!),
        });
      }
      this.#inFile = this.#entries;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // Kafka takes the directory offline. Without entries a follower truncates to the high
      // watermark, which loses nothing that was acknowledged.
      this.#entries = NO_ENTRIES;
      this.isDirty = true;
    }
  }
}

const UNDEFINED_END: EpochEnd = { epoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_OFFSET };
/** Shared by all logs whose epochs nobody asked for. Never changed. */
const NO_ENTRIES: EpochEntry[] = [];

function withEpoch(entries: EpochEntry[], added: EpochEntry): EpochEntry[] {
  const last = entries.at(-1);
  if (last !== undefined && last.epoch === added.epoch && last.startOffset <= added.startOffset) {
    return entries;
  }
  const kept = entries.filter((other) => {
    return other.epoch < added.epoch && other.startOffset < added.startOffset;
  });
  return [...kept, added];
}
