/**
 * Clients that send what no client should: each loses its own connection, with a line in the log,
 * or gets Kafka's error; a good client beside them notices nothing, and memory stays flat.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { decode, encode } from "../../src/protocol/compile.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { apis } from "../../src/protocol/messages/index.ts";
import { setCrc } from "../../src/protocol/record-batch.ts";
import { buildBatch, type NewBatch } from "../../src/protocol/record-batch-builder.ts";
import type { AnyApi } from "../../src/protocol/schema.ts";
import { Chance } from "../fuzz/chance.ts";
import { randomValue } from "../protocol/random-value.ts";
import { BrokerProcess, killLeftovers, Scratch, tail } from "./broker-process.ts";
import {
  Connection,
  ConnectionLost,
  createTopic,
  framed,
  LATEST,
  offsetFor,
  produceBatch,
} from "./client.ts";
import { countOf, newChance } from "./faults.ts";

const MEBIBYTE = 1024 * 1024;
const ANSWER_MS_MAX = 5_000;

const scratch = new Scratch();
let broker: BrokerProcess;
let good: Connection;

beforeAll(async () => {
  broker = await BrokerProcess.start(scratch.path, { "offsets.topic.num.partitions": "1" });
  good = await Connection.open(broker.port);
  await createTopic(good, "topic");
  await createTopic(good, "compacted", 1, { "cleanup.policy": "compact" });
}, 30_000);
afterAll(async () => {
  await killLeftovers();
  scratch.remove();
});

/** The connection that was there before goes on, and the process is the same. */
async function expectUnimpressed(): Promise<void> {
  const answer = await good.request(apiVersions, 3, {
    clientSoftwareName: "good",
    clientSoftwareVersion: "1",
  });
  expect(answer.errorCode).toBe(ErrorCode.NONE);
  expect(broker.isRunning, tail(broker.lines)).toBe(true);
  expect(broker.lines.filter((line) => / ERROR |must stop/.test(line))).toEqual([]);
}

/** Sends bytes; resolves when the broker has closed the connection. */
async function expectClosed(bytes: Uint8Array): Promise<void> {
  const known = broker.lines.length;
  using client = await Connection.open(broker.port);
  client.send(bytes);
  await Promise.race([client.closed, lateness("the connection stays open")]);
  const isLogged = () => broker.lines.slice(known).some((line) => /WARN .* closed: /.test(line));
  while (!isLogged()) await Bun.sleep(1);
}

async function lateness(what: string): Promise<never> {
  await Bun.sleep(ANSWER_MS_MAX);
  throw new Error(what);
}

describe("bytes that are no request", () => {
  const kinds: [string, Uint8Array][] = [
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["TLS", Buffer.from(`16030100f0010000ec0303${"00".repeat(240)}`, "hex")],
    ["a negative size", Buffer.from("ffffffff0012", "hex")],
    ["a size beyond the limit", Buffer.from("7fffffff00120003", "hex")],
    ["an unknown API", framed(Buffer.from("7fff0000000000010000", "hex"))],
    ["an unknown version", framed(Buffer.from("0000004000000001ffff", "hex"))],
    ["a request that ends in its header", framed(Buffer.from("0003000c0000", "hex"))],
    ["an empty frame", framed()],
  ];
  for (const [name, bytes] of kinds) {
    test(`${name} costs the connection, with a line in the log`, async () => {
      await expectClosed(bytes);
      await expectUnimpressed();
    });
  }

  test("an unknown version of ApiVersions is answered in version 0", async () => {
    using client = await Connection.open(broker.port);
    const frame = await client.exchange(apiVersions, 99, Buffer.alloc(0));
    const { errorCode } = decode(apiVersions.response, 0, frame.subarray(4));
    expect(errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  test("garbage, by the hundred", async () => {
    const chance = newChance("garbage");
    const counts = countOf("BUNKA_GARBAGE", { short: 200, all: 1000, long: 5000 });
    for (let count = counts; count > 0; count--) {
      using client = await Connection.open(broker.port);
      const bytes = chance.bytes(1 + chance.below(300));
      client.send(chance.oneIn(2) ? framed(bytes) : bytes);
      client.finish();
      await Promise.race([client.closed, lateness("the connection stays open")]);
    }
    await expectUnimpressed();
  }, 120_000);
});

describe("every API that is advertised, at every version", () => {
  async function advertised(): Promise<[AnyApi, number][]> {
    const { apiKeys } = await good.request(apiVersions, 3, {
      clientSoftwareName: "good",
      clientSoftwareVersion: "1",
    });
    return apiKeys.flatMap(({ apiKey, minVersion, maxVersion }) => {
      const api = apis.find(({ key }) => key === apiKey)! as AnyApi;
      const lowest = Math.max(minVersion, api.versions[0]);
      return Array.from({ length: maxVersion - lowest + 1 }, (_, index): [AnyApi, number] => [
        api,
        lowest + index,
      ]);
    });
  }

  /** An answer, or a connection that ends: never silence, never a dead broker. */
  async function expectReaction(api: AnyApi, version: number, body: Buffer): Promise<void> {
    using client = await Connection.open(broker.port);
    const answered = client.exchange(api, version, body).catch((error: unknown) => {
      if (!(error instanceof ConnectionLost)) throw error;
    });
    client.finish();
    await Promise.race([answered, client.closed, lateness(`${api.name} v${version}: silence`)]);
  }

  test("with nothing but zeros: empty arrays, empty names", async () => {
    for (const [api, version] of await advertised()) {
      for (const size of [0, 1, 4, 40]) await expectReaction(api, version, Buffer.alloc(size));
    }
    await expectUnimpressed();
  }, 120_000);

  test("with arrays that claim to be endless", async () => {
    for (const [api, version] of await advertised()) {
      const claim = api.request.isFlexible(version) ? "ffffffff07" : "7ffffffe";
      await expectReaction(api, version, Buffer.from(claim.repeat(20), "hex"));
    }
    await expectUnimpressed();
  }, 120_000);

  test("with random values, and with those values spoilt", async () => {
    const chance = newChance("values");
    const pairs = await advertised();
    const counts = countOf("BUNKA_VALUES", { short: 400, all: 2000, long: 10_000 });
    for (let count = counts; count > 0; count--) {
      const [api, version] = chance.pick(pairs);
      // Waits for as long as it says; a vote for another leader ends this quorum of one.
      if (LONG_WAITS.has(api.key)) continue;
      const value = randomValue(api.request, version, chance);
      const body = encode(api.request, version, value as never);
      if (body.length > 0 && chance.oneIn(2)) body[chance.below(body.length)] = chance.below(256);
      await expectReaction(api, version, body);
    }
    await expectUnimpressed();
  }, 300_000);
});

/** Fetch and JoinGroup: random waiting times are random waits. */
const LONG_WAITS: ReadonlySet<number> = new Set([1, 11, 14]);

describe("batches that lie", () => {
  const record = (text: string, key: string | null = null) => ({
    timestamp: Date.now(),
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(text),
  });
  const batch = (options: Partial<NewBatch> = {}): Buffer =>
    buildBatch({ records: [record("a"), record("b")], ...options });
  const spoilt = (spoil: (bytes: Buffer) => void, isSealed: boolean): Buffer => {
    const bytes = batch();
    spoil(bytes);
    if (isSealed) setCrc(bytes, 0);
    return bytes;
  };
  const bomb = (): Buffer => {
    const packed = gzipSync(Buffer.alloc(200 * MEBIBYTE));
    const bytes = Buffer.concat([batch().subarray(0, 61), packed]);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt16BE(CompressionType.GZIP, 21);
    setCrc(bytes, 0);
    return bytes;
  };
  const { CORRUPT_MESSAGE, INVALID_RECORD } = ErrorCode;
  const rows: [string, string, () => Buffer, readonly ErrorCode[]][] = [
    ["a bad checksum", "topic", () => spoilt((b) => (b[65]! ^= 1), false), [CORRUPT_MESSAGE]],
    ["magic 9", "topic", () => spoilt((b) => (b[16] = 9), true), [CORRUPT_MESSAGE, INVALID_RECORD]],
    [
      "too many records claimed",
      "topic",
      () => spoilt((b) => b.writeInt32BE(9, 57), true),
      [INVALID_RECORD, CORRUPT_MESSAGE],
    ],
    [
      "a negative count",
      "topic",
      () => spoilt((b) => b.writeInt32BE(-1, 57), true),
      [INVALID_RECORD, CORRUPT_MESSAGE],
    ],
    [
      "a last offset that is not there",
      "topic",
      () => spoilt((b) => b.writeInt32BE(7, 23), true),
      [INVALID_RECORD, CORRUPT_MESSAGE],
    ],
    ["no key where it is compacted by", "compacted", batch, [INVALID_RECORD]],
    ["a batch that is cut", "topic", () => batch().subarray(0, 70), [INVALID_RECORD]],
    ["a decompression bomb", "topic", bomb, [ErrorCode.MESSAGE_TOO_LARGE]],
  ];
  for (const [name, topic, make, expected] of rows) {
    test(`${name} is refused, and nothing is stored`, async () => {
      using client = await Connection.open(broker.port);
      const before = await offsetFor(good, topic, 0, LATEST);
      const { errorCode } = await produceBatch(client, topic, 0, make());
      expect(expected).toContain(errorCode);
      expect((await offsetFor(good, topic, 0, LATEST)).offset).toBe(before.offset);
      await expectUnimpressed();
    }, 30_000);
  }

  test("acks=0 with an error costs the connection", async () => {
    using client = await Connection.open(broker.port);
    client.tell(produce, 9, {
      acks: 0,
      timeoutMs: 1000,
      topicData: [{ name: "nowhere", partitionData: [{ index: 0, records: batch() }] }],
    });
    await Promise.race([client.closed, lateness("the connection stays open")]);
    await expectUnimpressed();
  });
});

test("memory stays flat under a crowd of half requests and unread answers", async () => {
  const chance = new Chance(7);
  const sizes: number[] = [];
  const half = framed(Buffer.from("00030009000000010000", "hex"), Buffer.alloc(MEBIBYTE));
  const rounds = countOf("BUNKA_CROWDS", { short: 12, all: 30, long: 100 });
  for (let round = rounds; round > 0; round--) {
    const crowd = await Promise.all(
      Array.from({ length: 150 }, () => Connection.open(broker.port)),
    );
    for (const [index, client] of crowd.entries()) {
      if (index % 3 === 0) client.send(half.subarray(0, 1000 + chance.below(200_000)));
      else if (index % 3 === 1) client.send(half.subarray(0, chance.below(4)));
      else {
        client.pause();
        for (let count = 0; count < 50; count++) {
          client.tell(apiVersions, 3, { clientSoftwareName: "x", clientSoftwareVersion: "1" });
        }
      }
    }
    await expectUnimpressed();
    for (const client of crowd) client.terminate();
    await Promise.all(crowd.map(({ closed }) => closed));
    await expectUnimpressed();
    sizes.push(broker.residentBytes);
  }
  // What is never given back adds up, 5 MiB a round; a single size depends on the collector.
  const quarter = Math.floor(sizes.length / 4);
  const growth = Math.min(...sizes.slice(-quarter)) - Math.max(...sizes.slice(0, quarter));
  expect(growth).toBeLessThan(64 * MEBIBYTE);
}, 300_000);
