/**
 * Writes a snapshot into a file of its own, which gets its name when it is complete and on disk:
 *
 *   control batch  SnapshotHeader, KRaftVersion and Voters with kraft.version 1
 *   data batches   the records, of up to 8 MiB each
 *   control batch  SnapshotFooter
 *
 * Offsets count from 0; all batches have the epoch of the snapshot.
 */
import { assert } from "../base/assert.ts";
import type { Clock, Disk, DiskFile } from "../base/world.ts";
import { putInPlace } from "../log/replace-file.ts";
import type { NewControlRecord } from "./control-record.ts";
import { BATCH_SIZE_MAX, controlBatch, dataBatch, sizeInBatch } from "./raft-batch.ts";
import { type SnapshotId, partialSnapshotFileName, snapshotFileName } from "./snapshot-name.ts";
import { type VoterSet, toVotersRecord } from "./voter-set.ts";

export interface SnapshotHeader {
  /** Of the last record that the snapshot holds; 0 in a bootstrap file. */
  readonly lastContainedLogTimestamp: number;
  readonly kraftVersion: number;
  /** Null leaves them out. */
  readonly voters: VoterSet | null;
}

/** Room for the header of a batch and a little more. */
const VALUES_SIZE_MAX = BATCH_SIZE_MAX - 1024;
/** Whoever reads it looks at a batch in one piece, and may serve others beside. */
const VALUE_COUNT_MAX = 2000;

export class SnapshotWriter {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #file: DiskFile;
  readonly #finalPath: string;
  readonly #epoch: number;
  #position = 0;
  #nextOffset = 0;
  #values: Buffer[] = [];
  #valuesSize = 0;

  /** Names other than those of a snapshot are for bootstrap.checkpoint. */
  constructor(
    world: { readonly disk: Disk; readonly clock: Clock },
    directory: string,
    id: SnapshotId,
    names = { partial: partialSnapshotFileName(id), final: snapshotFileName(id) },
  ) {
    this.#disk = world.disk;
    this.#clock = world.clock;
    this.#finalPath = `${directory}/${names.final}`;
    this.#epoch = id.epoch;
    const path = `${directory}/${names.partial}`;
    this.#disk.remove(path);
    this.#file = this.#disk.open(path, "create");
  }

  begin(header: SnapshotHeader): void {
    const { lastContainedLogTimestamp, kraftVersion, voters } = header;
    const controls: NewControlRecord[] = [
      { name: "SnapshotHeaderRecord", value: { version: 0, lastContainedLogTimestamp } },
    ];
    if (kraftVersion >= 1) {
      const value = { version: 0, kRaftVersion: kraftVersion };
      controls.push({ name: "KRaftVersionRecord", value });
      if (voters !== null) controls.push({ name: "VotersRecord", value: toVotersRecord(voters) });
    }
    this.#writeControls(controls);
  }

  append(value: Buffer): void {
    const size = sizeInBatch(value);
    assert(size <= VALUES_SIZE_MAX, "a metadata record fits into a batch");
    const isFull = this.#values.length === VALUE_COUNT_MAX;
    if (isFull || this.#valuesSize + size > VALUES_SIZE_MAX) this.#writeValues();
    this.#values.push(value);
    this.#valuesSize += size;
  }

  /** Resolves when the snapshot is complete under its name and survives a loss of power. */
  async freeze(): Promise<void> {
    this.#writeValues();
    this.#writeControls([{ name: "SnapshotFooterRecord", value: { version: 0 } }]);
    await putInPlace(this.#disk, this.#file, this.#finalPath);
  }

  get size(): number {
    return this.#position;
  }

  /** Gives up; the half-written file is removed. */
  abort(): void {
    this.#file.close();
    this.#disk.remove(this.#file.path);
  }

  #writeControls(controls: readonly NewControlRecord[]): void {
    this.#write(controlBatch(this.#placement(), controls), controls.length);
  }

  #writeValues(): void {
    if (this.#values.length === 0) return;
    this.#write(dataBatch(this.#placement(), this.#values), this.#values.length);
    this.#values = [];
    this.#valuesSize = 0;
  }

  #placement() {
    const timestamp = this.#clock.wallMs();
    return { baseOffset: this.#nextOffset, epoch: this.#epoch, timestamp };
  }

  #write(batch: Buffer, recordCount: number): void {
    this.#file.write(batch, 0, batch.length, this.#position);
    this.#position += batch.length;
    this.#nextOffset += recordCount;
  }
}
