/**
 * A snapshot on its way from the leader:
 *
 *   %020d-%010d-0.checkpoint.part     as far as it has come
 *   %020d-%010d.checkpoint            whole, read once to be sure, and on the disk
 */
import { Slices } from "../base/slices.ts";
import type { Clock, Disk, DiskFile } from "../base/world.ts";
import { putInPlace } from "../log/replace-file.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { type SnapshotId, partialSnapshotFileName, snapshotFileName } from "./snapshot-name.ts";
import { parseSteps, type Snapshot } from "./snapshot-reader.ts";

export class SnapshotDownload {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #file: DiskFile;

  constructor(disk: Disk, directory: string, id: SnapshotId) {
    this.#disk = disk;
    this.#path = `${directory}/${snapshotFileName(id)}`;
    const partial = `${directory}/${partialSnapshotFileName(id)}`;
    disk.remove(partial);
    this.#file = disk.open(partial, "create");
  }

  write(bytes: Buffer, position: number): void {
    this.#file.write(bytes, 0, bytes.length, position);
  }

  /** What it says; it is durable under its name then. Null, and nothing is left, if it is cut. */
  async complete(clock: Clock): Promise<Snapshot | null> {
    const snapshot = await this.#read(clock);
    if (snapshot === null) {
      this.drop();
      return null;
    }
    await putInPlace(this.#disk, this.#file, this.#path);
    return snapshot;
  }

  drop(): void {
    this.#file.close();
    this.#disk.remove(this.#file.path);
  }

  async #read(clock: Clock): Promise<Snapshot | null> {
    try {
      const bytes = this.#disk.readWhole(this.#file.path);
      return await new Slices(clock).finish(parseSteps(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return null;
    }
  }
}
