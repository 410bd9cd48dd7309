/** A follower was away while much was written: how long it takes to be in sync again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTopic } from "../../../../bench/kit/raw-client.ts";
import { RawConnection } from "../../../../bench/kit/raw-connection.ts";
import { batchesFile } from "../../../../bench/load/batches.ts";
import { buildLoad } from "../../../../bench/load/load.ts";
import type { Cluster } from "../cluster.ts";
import { placesOf, secondsSince, untilInSync } from "./survey.ts";

const TOPIC = "missed";
const PARTITIONS = 8;
const AWAY = 3;
const BATCH = { recordBytes: 1024, batchBytes: 64 * 1024 };
const CLIENTS = { connections: 2, window: 4, acks: 1 };

export async function measureCatchUp(cluster: Cluster, gigabytes: number): Promise<void> {
  const { port } = cluster.node(1).place;
  await createTopic(port, TOPIC, PARTITIONS, { replicationFactor: 3 });
  await cluster.node(AWAY).stop();
  await untilInSync(port, [TOPIC], 2);
  await write(cluster, port, gigabytes * 1e9);
  await untilInSync(port, [TOPIC], 2);
  const startMs = performance.now();
  await cluster.node(AWAY).start();
  await untilInSync(port, [TOPIC], 3);
  const rate = (gigabytes * 1e6) / (performance.now() - startMs);
  const took = secondsSince(startMs);
  console.log(
    `catch-up: ${gigabytes} GB in ${took}, with the start of the node: ${rate.toFixed(0)} MB/s`,
  );
}

async function write(cluster: Cluster, port: number, bytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bunka-catch-up-"));
  try {
    const connection = await RawConnection.open(port);
    const places = await placesOf(connection, [TOPIC]);
    connection.close();
    places.sort((one, other) => one.partition - other.partition);
    const leaders = places.map(({ leader }) => cluster.node(leader).place.port).join();
    const batches = batchesFile(folder, BATCH, PARTITIONS);
    const target = { host: "127.0.0.1", port, topic: TOPIC, partitions: PARTITIONS, leaders };
    const load = buildLoad(folder);
    const result = await load.run({ ...target, batches, ...CLIENTS, bytes });
    const rate = result.bytes / 1e6 / result.seconds;
    console.log(`catch-up: written to two nodes at ${rate.toFixed(0)} MB/s`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
