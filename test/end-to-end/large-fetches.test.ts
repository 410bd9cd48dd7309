/**
 * Several clients that ask for much at once, some of whom go away in the middle: the others get
 * every byte, in order, of each partition, and the broker answers everybody else meanwhile.
 */
import { afterAll, expect, test } from "bun:test";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import { Connection, ConnectionLost, createTopic, fetchOnce, produceBatch } from "./client.ts";

afterAll(killLeftovers);

const TOPIC = "large";
const PARTITIONS = 4;
const BATCHES = 8;
const VALUE_SIZE = 300_000;
const READERS = 3;
const ROUNDS = 6;

async function fetchAll(connection: Connection, partitionMaxBytes: number): Promise<Buffer[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => {
    return { partition, fetchOffset: 0, partitionMaxBytes };
  });
  const answer = await connection.request(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic: TOPIC, partitions }],
    forgottenTopicsData: [],
  });
  const fetched = answer.responses[0]!.partitions;
  return fetched
    .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ records }) => Buffer.from(records ?? []));
}

test("many at once get all that they ask for, though others leave in the middle", async () => {
  using scratch = new Scratch();
  const broker = await BrokerProcess.start(scratch.path);
  using writer = await Connection.open(broker.port);
  await createTopic(writer, TOPIC, PARTITIONS);
  const random = new FakeRandom(3);
  for (let count = 0; count < PARTITIONS * BATCHES; count++) {
    const value = random.bytes(VALUE_SIZE);
    const batch = buildBatch({ records: [{ timestamp: 0, key: null, value }] });
    expect((await produceBatch(writer, TOPIC, count % PARTITIONS, batch)).errorCode).toBe(0);
  }
  const wanted: Buffer[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    // Piece by piece, which nobody but the loop sends.
    const pieces: Buffer[] = [];
    for (let offset = 0; offset < BATCHES; offset++) {
      const { records } = await fetchOnce(writer, TOPIC, partition, offset, 1000);
      pieces.push(Buffer.from(records ?? []));
    }
    wanted.push(Buffer.concat(pieces));
  }
  const hashes = (bytes: readonly Buffer[]) => bytes.map((each) => Bun.hash(each));
  const read = async (reader: number) => {
    using connection = await Connection.open(broker.port);
    for (let round = 0; round < ROUNDS; round++) {
      // From one batch on, mostly up to the middle of one, and beyond what there is.
      const size = 310_000 * (1 + ((round + reader) % 8));
      const expected = wanted.map((bytes) => bytes.subarray(0, size));
      expect(hashes(await fetchAll(connection, size))).toEqual(hashes(expected));
    }
  };
  const leave = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      using connection = await Connection.open(broker.port);
      const lost = fetchAll(connection, 4 << 20).catch((error: unknown) => error);
      while (connection.receivedSize === 0) await Bun.sleep(0);
      connection.terminate();
      expect(await lost).toBeInstanceOf(ConnectionLost);
    }
  };
  await Promise.all([...Array.from({ length: READERS }, (_, index) => read(index)), leave()]);
  expect(broker.lines.filter((line) => / (WARN|ERROR) /.test(line))).toEqual([]);
  await broker.stop();
}, 60_000);
