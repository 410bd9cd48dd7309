/**
 * A snapshot on its way from the leader:
 *
 *   %020d-%010d-0.checkpoint.part     as far as it has come
 *   %020d-%010d.checkpoint            whole, read once to be sure, and on the disk
 */
import type { Disk, DiskFile } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { type SnapshotId, partialSnapshotFileName, snapshotFileName } from "./snapshot-name.ts";
import { type Snapshot, parseSnapshot } from "./snapshot-reader.ts";

export class SnapshotDownload {
  readonly id: SnapshotId;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #file: DiskFile;

  constructor(disk: Disk, directory: string, id: SnapshotId) {
    this.id = id;
    this.#disk = disk;
    this.#directory = directory;
    const path = `${directory}/${partialSnapshotFileName(id)}`;
    disk.remove(path);
    this.#file = disk.open(path, "create");
  }

  write(bytes: Buffer, position: number): void {
    this.#file.write(bytes, 0, bytes.length, position);
  }

  /** What it says; it is durable under its name then. Null, and nothing is left, if it is cut. */
  async complete(): Promise<Snapshot | null> {
    const snapshot = this.#read();
    if (snapshot === null) {
      this.drop();
      return null;
    }
    try {
      await this.#file.sync();
    } finally {
      this.#file.close();
    }
    this.#disk.rename(this.#file.path, `${this.#directory}/${snapshotFileName(this.id)}`);
    await this.#disk.syncDirectory(this.#directory);
    return snapshot;
  }

  drop(): void {
    this.#file.close();
    this.#disk.remove(this.#file.path);
  }

  #read(): Snapshot | null {
    try {
      return parseSnapshot(this.#disk.readWhole(this.#file.path));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return null;
    }
  }
}
