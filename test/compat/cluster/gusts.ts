/**
 * Many large batches at once, again and again, beside clients whose records are checked: so a node
 * has a thread write what a turn has gathered (src/base/real-write-thread.ts), theirs too, whenever
 * it may be killed. What a gust meant to write when a leader died is nobody's loss; what replicas
 * have of it is compared in the end.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createTopic } from "../../../bench/kit/raw-client.ts";
import { RawConnection } from "../../../bench/kit/raw-connection.ts";
import { batchesFile } from "../../../bench/load/batches.ts";
import { buildLoad, type Load } from "../../../bench/load/load.ts";
import type { Cluster } from "./cluster.ts";
import { placesOf } from "./figures/survey.ts";

const TOPIC = "gusts";
const PARTITIONS = 6;
export const GUST_PARTITIONS = Array.from({ length: PARTITIONS }, (_, at) => `${TOPIC}-${at}`);
const BATCH = { recordBytes: 1024, batchBytes: 32 * 1024 };
const CLIENTS = { connections: 4, window: 4, acks: -1 };
const GUST_BYTES = 24_000_000;
/** A gust that has met a death may wait for ever. */
const GUST_MS_MAX = 3000;
const PAUSE_MS = 250;
/** What is old goes: disks are finite. */
const CONFIGS = {
  "retention.bytes": "40000000",
  "segment.bytes": "10000000",
  "file.delete.delay.ms": "1000",
};
export const GUST_SETTINGS = { "log.retention.check.interval.ms": "2000" };

export class Gusts {
  bytes = 0;
  count = 0;
  readonly #cluster: Cluster;
  readonly #load: Load;
  readonly #batches: string;
  #isOver = false;
  #blowing: Promise<void> = Promise.resolve();

  static async begin(cluster: Cluster, folder: string): Promise<Gusts> {
    const { port } = cluster.node(1).place;
    await createTopic(port, TOPIC, PARTITIONS, { replicationFactor: 3, configs: CONFIGS });
    const own = join(folder, "gusts");
    mkdirSync(own);
    const gusts = new Gusts(cluster, own);
    gusts.#blowing = gusts.#blow();
    return gusts;
  }

  private constructor(cluster: Cluster, folder: string) {
    this.#cluster = cluster;
    this.#load = buildLoad(folder);
    this.#batches = batchesFile(folder, BATCH, PARTITIONS);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#blowing;
  }

  async #blow(): Promise<void> {
    while (!this.#isOver) {
      const leaders = await this.#leaders();
      if (leaders !== null) await this.#gust(leaders);
      await Bun.sleep(PAUSE_MS);
    }
  }

  async #gust(leaders: readonly number[]): Promise<void> {
    const port = leaders[0]!;
    const target = { host: "127.0.0.1", port, topic: TOPIC, partitions: PARTITIONS };
    const where = { ...target, leaders: leaders.join(), batches: this.#batches };
    const load = this.#load.start({ ...where, ...CLIENTS, bytes: GUST_BYTES });
    const timer = setTimeout(() => load.stop(), GUST_MS_MAX);
    try {
      this.bytes += (await load.result).bytes;
      this.count++;
    } catch {
      // A leader died, or leads no more.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ports; null while not all partitions are led by nodes that run. */
  async #leaders(): Promise<number[] | null> {
    const { brokers } = this.#cluster;
    try {
      const asked = brokers.find(({ isRunning }) => isRunning);
      if (asked === undefined) return null;
      const connection = await RawConnection.open(asked.place.port);
      const places = await placesOf(connection, [TOPIC]);
      connection.close();
      places.sort((one, other) => one.partition - other.partition);
      const ports = places.map(({ leader }) => {
        const node = brokers.find(({ id }) => id === leader);
        return node?.isRunning === true ? node.place.port : 0;
      });
      return ports.length === PARTITIONS && !ports.includes(0) ? ports : null;
    } catch {
      return null;
    }
  }
}
