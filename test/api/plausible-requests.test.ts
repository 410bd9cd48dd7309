/**
 * Requests of every API that could be meant: names that are there, numbers that are near, among them
 * a few that no client should say. The node answers or closes the connection; it never stops, and
 * what it has written it can read again.
 */
import { expect, test } from "bun:test";
import { HANDLERS } from "../../src/api/index.ts";
import { encode } from "../../src/protocol/compile.ts";
import { requestHeader, requestHeaderVersion } from "../../src/protocol/messages/header.ts";
import { apis } from "../../src/protocol/messages/index.ts";
import { setCrc } from "../../src/protocol/record-batch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import type { AnyApi } from "../../src/protocol/schema.ts";
import { Chance } from "../fuzz/chance.ts";
import { type Primitives, randomValue } from "../protocol/random-value.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { makeTopic } from "./scenarios/prepare.ts";

const SEEDS = Number(process.env["BUNKA_PLAUSIBLE_SEEDS"] ?? 12);
const REQUESTS = 150;
/** Sent as bytes that are no UTF-8: see swollen-text.test.ts. */
const SWOLLEN = "~".repeat(20_000);
const TEXTS = [
  ..."t u g h m x 1 -1 * /data user client-id ip User:a User:ANONYMOUS 127.0.0.1 <default>".split(
    " ",
  ),
  ..."consumer range uniform cooperative-sticky classic share producer_byte_rate".split(" "),
  ..."request_percentage controller_mutation_rate connection_creation_rate".split(" "),
  ..."retention.ms cleanup.policy compact delete min.insync.replicas max.message.bytes".split(" "),
  ..."consumer.session.timeout.ms interval.ms metrics match log.retention.ms INFO root".split(" "),
  ..."transaction.version group.version metadata.version kraft.version".split(" "),
  ..."__consumer_offsets __transaction_state __cluster_metadata t-0 [a-z]+ ( 50000 1000".split(" "),
  "",
  "x".repeat(249),
  "x".repeat(250),
  "y".repeat(32_767),
  "\0",
];
const NUMBERS = [-1, 0, 0, 0, 1, 1, 2, 3, 5, 7, 100, 1000, 60_000];

function primitivesOf(topicId: string): Primitives {
  return {
    boolean: (chance) => chance.oneIn(2),
    int8: (chance) => chance.pick([0, 0, 1, 2, 3, 4, 8, 16, 32, -1, 127, -128]),
    int16: (chance) => chance.pick([...NUMBERS.slice(0, 10), 32_767, -32_768]),
    uint16: (chance) => chance.pick([0, 1, 9092, 65_535]),
    int32: (chance) => chance.pick([...NUMBERS, 2 ** 31 - 1, -(2 ** 31), -2, -3]),
    uint32: (chance) => chance.pick([0, 1, 2 ** 32 - 1]),
    int64: (chance) =>
      chance.pick([...NUMBERS, -2, -3, -4, -5, -6, 2 ** 53 - 1, 2 ** 63, -(2 ** 63)]),
    int64Big: (chance) => chance.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]),
    float64: (chance) =>
      chance.pick([0, 1, -1, 0.5, 1000, 1e9, 1e308, Number.NaN, Number.POSITIVE_INFINITY]),
    uuid: (chance) =>
      chance.pick([topicId, topicId, "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ"]),
    string: (chance) => (chance.oneIn(40) ? SWOLLEN : chance.pick(TEXTS)),
    bytes: (chance) => chance.bytes(chance.pick([0, 1, 4, 32, 1000])),
    records: (chance) => someBatch(chance),
  };
}

function someBatch(chance: Chance): Buffer {
  const value = Buffer.from("v");
  const records = [{ timestamp: chance.pick([-1, 0, 1000, 2 ** 53 - 1]), key: value, value }];
  const producerId = chance.pick([-1, -1, 0, 1, 2]);
  const isTransactional = producerId >= 0 && chance.oneIn(2);
  const producer =
    producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: chance.below(3) };
  const bytes = buildBatch({ records, ...producer, isTransactional });
  // Whole numbers that JavaScript has none for.
  const [FIRST_TIMESTAMP, LAST_TIMESTAMP, PRODUCER_ID] = [27, 35, 43];
  for (const at of [FIRST_TIMESTAMP, LAST_TIMESTAMP, PRODUCER_ID]) {
    if (chance.oneIn(12)) bytes.writeBigInt64BE(chance.pick([2n ** 60n + 1n, -(2n ** 63n)]), at);
  }
  setCrc(bytes, 0);
  return bytes;
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`requests that could be meant, seed ${seed}`, async () => {
    const chance = new Chance(seed);
    const broker = startBroker();
    for (const name of ["t", "u"]) broker.wait(makeTopic(broker.asker, name));
    const topicId = broker.node.image.topics.byName("t")!.id;
    const primitives = primitivesOf(topicId);
    for (let count = 0; count < REQUESTS; count++) {
      const { api: handled, listeners } = chance.pick(HANDLERS);
      const api = apis.find(({ key }) => key === handled.key)! as AnyApi;
      const version = api.versions[0] + chance.below(api.stableVersion - api.versions[0] + 1);
      const value = randomValue(api.request, version, chance, primitives);
      const said = () => `${api.name} v${version} ${JSON.stringify(value, shown).slice(0, 2000)}`;
      try {
        await send(broker, chance.pick(listeners), api, version, value);
      } catch (error) {
        throw new Error(said(), { cause: error });
      }
      expect(broker.fatals, broker.fatals.length > 0 ? said() : "").toEqual([]);
    }
    broker.stop();
    startBroker({}, broker.world).stop();
  });
}

async function send(
  broker: TestBroker,
  listener: "broker" | "controller",
  api: AnyApi,
  version: number,
  value: unknown,
): Promise<void> {
  const header = encode(requestHeader, requestHeaderVersion(api, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "plausible",
  });
  const body = Buffer.from(encode(api.request, version, value as never));
  const swollen = Buffer.from(SWOLLEN);
  for (let at = 0; (at = body.indexOf(swollen, at)) !== -1; at += swollen.length) {
    body.fill(0xff, at, at + swollen.length);
  }
  const connection = await broker.connect(listener);
  // Bad bytes end in null; all else that is thrown is a bug, and would stop the node.
  broker.wait(connection.exchange(Buffer.concat([header, body])));
}

function shown(_: string, part: unknown): unknown {
  if (typeof part === "bigint") return String(part);
  if (typeof part === "string" && part.length > 40) return `${part.slice(0, 20)}... ${part.length}`;
  return part instanceof Uint8Array ? `${part.length} bytes` : part;
}
