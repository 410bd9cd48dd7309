/** What the load generator does with a real broker behind it, in both languages, for a moment. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunka } from "../../bench/contenders/bunka.ts";
import type { Contender } from "../../bench/contenders/contender.ts";
import { createTopic, newProducerIds } from "../../bench/kit/raw-client.ts";
import { RawConnection } from "../../bench/kit/raw-connection.ts";
import { batchesFile } from "../../bench/load/batches.ts";
import { compile } from "../../bench/load/compile.ts";
import { buildLoad, type LoadOptions } from "../../bench/load/load.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";

const folder = mkdtempSync(join(tmpdir(), "bunka-load-test-"));
const hasCompiler = compile(join(folder, "nothing"), [sourceOfNothing()]) !== null;
const languages = (["C", "TypeScript"] as const).filter((name) => name !== "C" || hasCompiler);
const PARTITIONS = 4;
const LATEST = -1;
const shape = { recordBytes: 100, batchBytes: 1024, keyBytes: 8 };
const batches = batchesFile(folder, shape, PARTITIONS);
const batchBytes = await sizeOfAll();
let broker: Contender;
let topicCount = 0;

beforeAll(async () => {
  broker = await bunka()({ folder: join(folder, "bunka"), settings: [] });
});

afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(languages)("the load generator in %s", (language) => {
  const load = buildLoad(folder, language);

  async function newTopic(): Promise<LoadOptions> {
    const topic = `topic-${topicCount++}`;
    const { host, port } = broker;
    await createTopic(port, topic, PARTITIONS);
    return { host, port, topic, partitions: PARTITIONS, batches };
  }

  async function endOffsetOf(name: string): Promise<number> {
    const connection = await RawConnection.open(broker.port);
    const partitions = [{ partitionIndex: 0, timestamp: LATEST }];
    const answer = await connection.ask(listOffsets, 1, {
      replicaId: -1,
      topics: [{ name, partitions }],
    });
    connection.close();
    return answer.topics[0]!.partitions[0]!.offset;
  }

  async function producersFile(transactionalIds: readonly (string | null)[]): Promise<string> {
    const ids = await newProducerIds(broker.port, transactionalIds);
    const path = join(folder, "producers");
    const lines = ids.map(({ producerId, producerEpoch }, index) => {
      return `${producerId} ${producerEpoch} ${transactionalIds[index] ?? ""}\n`;
    });
    writeFileSync(path, lines.join(""));
    return path;
  }

  test("readers get every byte that was produced, over and over or once", async () => {
    const topic = await newTopic();
    const bytes = 25 * batchBytes;
    const produced = await load.run({ ...topic, connections: 1, window: 4, bytes });
    expect(produced.bytes).toBe(bytes);
    const once = await load.run({ ...topic, readers: 1, once: 1 });
    expect(once.readBytes).toBe(bytes);
    // With room for a batch and a half, the half comes again with the next request.
    const pieces = await load.run({ ...topic, readers: 1, once: 1, partition_bytes: 1500 });
    expect(pieces.readBytes).toBeGreaterThan(bytes);
    expect(pieces.fetch!.count).toBeGreaterThan(once.fetch!.count);
    const wanted = 3 * bytes;
    const again = await load.run({ ...topic, readers: 2, read_bytes: wanted });
    expect(again.readBytes).toBeGreaterThanOrEqual(wanted);
  });

  test("consumers at the end see each batch of an open loop once", async () => {
    const topic = await newTopic();
    const options = { connections: 2, consumers: 2, rate: 100 * batchBytes, seconds: 1 };
    const result = await load.run({ ...topic, ...options });
    expect(result.bytes).toBe(100 * batchBytes);
    expect(result.followedBytes).toBe(2 * result.bytes);
    expect(result.endToEnd!.count).toBe(2 * 100 * PARTITIONS);
    expect(result.endToEnd!.p50Us).toBeGreaterThan(0);
  });

  test("an open loop that is stopped says what was sent until then", async () => {
    const topic = await newTopic();
    const running = load.start({ ...topic, connections: 1, rate: 100 * batchBytes, seconds: 600 });
    while ((await endOffsetOf(topic.topic)) === 0) continue;
    running.stop();
    const result = await running.result;
    expect(result.requests).toBeGreaterThan(0);
    expect(result.seconds).toBeLessThan(60);
  });

  test("idempotent producers: sequences in order, with several requests under way", async () => {
    const topic = await newTopic();
    const producers = await producersFile([null, null]);
    const options = { connections: 2, window: 5, acks: -1, bytes: 50 * batchBytes, producers };
    const result = await load.run({ ...topic, ...options });
    expect(result.bytes).toBe(50 * batchBytes);
  });

  test("transactions: every batch is in one, and each is committed", async () => {
    const topic = await newTopic();
    const producers = await producersFile([`${topic.topic}-0`, `${topic.topic}-1`]);
    const options = { connections: 2, acks: -1, bytes: 10 * batchBytes, producers };
    const result = await load.run({ ...topic, ...options, transaction: 5 });
    expect(result.requests).toBe(40);
    // One more where neither of the two has a multiple of five.
    expect([8, 9]).toContain(result.commits);
    expect(result.commit!.count).toBe(result.commits);
  });
});

function sourceOfNothing(): string {
  const path = join(folder, "nothing.c");
  writeFileSync(path, "int main(void) { return 0; }\n");
  return path;
}

/** One batch of each partition. */
async function sizeOfAll(): Promise<number> {
  return (await Bun.file(batches).bytes()).length - 8 * PARTITIONS;
}
