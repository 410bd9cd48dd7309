/** A node on the real World, in this process and without sockets: its log, its index, its handlers. */
import { join } from "node:path";
import { Dispatcher } from "../../src/api/dispatcher.ts";
import { Late, type Request } from "../../src/api/request.ts";
import { LogLevels } from "../../src/base/log-levels.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { realWorld } from "../../src/base/real-world.ts";
import type { World } from "../../src/base/world.ts";
import { BrokerNode } from "../../src/broker/broker-node.ts";
import { loadSettings } from "../../src/broker/settings/load-settings.ts";
import { FileHandles } from "../../src/log/file-handles.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import { DEFAULT_LOG_SETTINGS, openLogManager } from "../../src/log/log-manager.ts";
import { OffsetIndex } from "../../src/log/offset-index.ts";
import { encode } from "../../src/protocol/compile.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { setBaseOffset } from "../../src/protocol/record-batch.ts";
import { someContext } from "../../test/server/parts.ts";
import type { Stage } from "./measuring.ts";
import { fetchRequest, produceRequest, sampleBatch } from "./samples.ts";

const KIB = 1024;
/** What a stage may write: it is deleted in the end. */
const WRITTEN_BYTES_MAX = 600e6;
const ERROR_CODES = 192;
/** Codes are counted from -1 on. */
const NONE_INDEX = ErrorCode.NONE + 1;
const PARTITIONS = 8;
const FETCHED_BYTES = 64 * KIB;

export async function nodeStages(folder: string): Promise<Stage[]> {
  const world = realWorld();
  const appends = await Promise.all(
    [
      [KIB, 100],
      [16 * KIB, KIB],
      [256 * KIB, KIB],
    ].map(([batchBytes, recordBytes]) => appendStage(world, folder, batchBytes!, recordBytes!)),
  );
  const [append, lookUp] = indexStages(world, folder);
  return [...appends, append!, lookUp!, ...(await handlerStages(world, folder))];
}

/** Validation, producer state, offsets, write and index of one batch. */
async function appendStage(
  world: World,
  folder: string,
  batchBytes: number,
  recordBytes: number,
): Promise<Stage> {
  const logs = openLogManager({
    ...world,
    logger: silentLogger,
    directories: [join(folder, `append-${batchBytes}`)],
    configOf: () => DEFAULT_LOG_CONFIG,
    settings: DEFAULT_LOG_SETTINGS,
    directoryFailed: (_, error) => {
      throw error;
    },
  });
  await logs.load();
  const log = logs.getOrCreate("bench", 0, { topicId: null })!;
  const bytes = sampleBatch(batchBytes, recordBytes);
  return {
    name: `append: ${batchBytes / KIB} KiB to the log`,
    bytes: bytes.length,
    callsMax: Math.floor(WRITTEN_BYTES_MAX / bytes.length),
    work() {
      setBaseOffset(bytes, 0, 0);
      const nowMs = world.clock.wallMs();
      const result = log.appendAsLeader(bytes, { leaderEpoch: 0, origin: "client", nowMs });
      if (result.errorCode !== ErrorCode.NONE) throw new Error("the batch was refused");
      log.advanceHighWatermark(log.logEndOffset);
    },
    close: () => logs.shutDown(),
  };
}

function indexStages(world: World, folder: string): Stage[] {
  const handles = new FileHandles(world.disk, 16);
  const nothing = { count: 0, fileSize: 0 };
  const growing = new OffsetIndex(handles, join(folder, "growing.index"), 0, nothing);
  let offset = 0;
  const full = new OffsetIndex(handles, join(folder, "full.index"), 0, nothing);
  const entries = 100_000;
  for (let entry = 1; entry <= entries; entry++) full.append(entry * 100, entry * 4096);
  let wanted = 1;
  return [
    {
      name: "index: an entry is added",
      callsMax: 5_000_000,
      work: () => growing.append(++offset, offset),
    },
    {
      name: `index: an offset among ${entries} entries`,
      work() {
        wanted = (wanted * 48_271) % 2_147_483_647;
        return full.lookup(wanted % (entries * 100), true);
      },
    },
  ];
}

/** Decode, authorize, quotas, partition, log and encode: all but the socket. */
async function handlerStages(world: World, folder: string): Promise<Stage[]> {
  const node = await openNode(world, join(folder, "node"));
  const handlers = new Handlers(world, node);
  const stages: Stage[] = [];
  for (const [batchBytes, recordBytes] of [
    [KIB, 100],
    [16 * KIB, 100],
    [16 * KIB, KIB],
  ] as const) {
    const topic = `topic-${batchBytes}-${recordBytes}`;
    await handlers.createTopic(topic);
    const records = sampleBatch(batchBytes, recordBytes);
    const body = encode(produce.request, 9, produceRequest(1, records, topic));
    // The log writes its offsets into the request's own bytes.
    const position = body.indexOf(records);
    stages.push({
      name: `handle: Produce v9, ${batchBytes / KIB} KiB of ${recordBytes} B`,
      bytes: body.length,
      callsMax: Math.floor(WRITTEN_BYTES_MAX / body.length),
      work() {
        setBaseOffset(body, position, 0);
        return handlers.answer(produce, 9, body);
      },
    });
  }
  await handlers.createTopic("full");
  const filling = produceRequest(PARTITIONS, sampleBatch(FETCHED_BYTES, KIB), "full");
  await handlers.answer(produce, 9, encode(produce.request, 9, filling));
  for (const partitions of [1, PARTITIONS]) {
    const wanted = fetchRequest(partitions, FETCHED_BYTES, "full");
    const body = encode(fetch.request, 12, wanted);
    stages.push({
      name: `handle: Fetch v12, ${partitions} x ${FETCHED_BYTES / KIB} KiB`,
      work: () => handlers.answer(fetch, 12, body),
    });
  }
  const last = stages.pop()!;
  return [
    ...stages,
    {
      ...last,
      async close() {
        handlers.expectNoErrors();
        await node.stop();
      },
    },
  ];
}

async function openNode(world: World, directory: string): Promise<BrokerNode> {
  const texts = new Map([
    ["log.dirs", directory],
    ["process.roles", "broker,controller"],
    ["node.id", "1"],
    ["listeners", "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"],
    ["controller.listener.names", "CONTROLLER"],
    ["controller.quorum.bootstrap.servers", "127.0.0.1:9093"],
  ]);
  const node = await BrokerNode.open({
    world,
    logger: silentLogger,
    logLevels: new LogLevels("WARN"),
    settings: loadSettings(texts),
    hostName: "127.0.0.1",
    fatal: (error) => {
      throw error;
    },
  });
  // Nobody listens at them.
  await node.startMetadata(
    new Map([
      ["PLAINTEXT", 9092],
      ["CONTROLLER", 9093],
    ]),
  );
  await node.start();
  return node;
}

/** Asks as a connection does. */
class Handlers {
  readonly #world: World;
  readonly #dispatcher = new Dispatcher("broker");
  readonly #errorCounts = new Float64Array(ERROR_CODES);
  readonly #connection = someContext();

  constructor(world: World, node: BrokerNode) {
    this.#world = world;
    this.#dispatcher.open(node);
  }

  async answer({ key }: { readonly key: number }, version: number, body: Buffer): Promise<void> {
    const request: Request = {
      apiKey: key,
      apiVersion: version,
      correlationId: 1,
      clientId: "bench",
      body: new Reader(body),
      connection: this.#connection,
      isFollowed: false,
      size: body.length,
      receivedMs: this.#world.clock.monotonicMs(),
      holdsBack: false,
      errorCounts: this.#errorCounts,
      variant: 0,
    };
    const outcome = await this.#dispatcher.handle(request);
    const response = outcome instanceof Late ? outcome.complete() : outcome;
    response?.release?.();
  }

  /** It is there when all its partitions have taken a record. */
  async createTopic(name: string): Promise<void> {
    const topics = [
      { name, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] },
    ];
    const request = { topics, timeoutMs: 10_000 };
    await this.answer(createTopics, 4, encode(createTopics.request, 4, request));
    const first = produceRequest(PARTITIONS, sampleBatch(KIB, KIB), name);
    do {
      // Those that were taken have offsets in them now.
      const body = encode(produce.request, 9, first);
      await new Promise<void>((resolve) => this.#world.clock.afterTurn(resolve));
      this.#errorCounts.fill(0);
      await this.answer(produce, 9, body);
    } while (this.#errorCount() > 0);
  }

  /** What is refused costs less than it should. */
  expectNoErrors(): void {
    if (this.#errorCount() > 0) throw new Error("requests were refused");
  }

  #errorCount(): number {
    return this.#errorCounts.reduce((sum, count, index) => {
      return index === NONE_INDEX ? sum : sum + count;
    }, 0);
  }
}
