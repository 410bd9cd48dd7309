/** The load generator against the floor: both as real processes, for a moment. */
import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync } from "node:fs";
import { readSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { floor } from "../../bench/contenders/floor.ts";
import { batchesFile } from "../../bench/load/batches.ts";
import { buildLoad, type Load, type LoadOptions, type LoadResult } from "../../bench/load/load.ts";

const folder = mkdtempSync(join(tmpdir(), "bunka-load-test-"));
const startFloor = floor(folder);
const SHAPE = { recordBytes: 100, batchBytes: 1024 };
const PARTITIONS = 4;
const batches = batchesFile(folder, SHAPE, PARTITIONS);
const loads = new Map<string, Load>();
/** More than any test writes. */
const READ_SIZE = 1 << 20;
const batchSize = readFileSync(batches).readInt32BE(0);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly result: LoadResult;
  /** Bytes that the floor wrote, by partition. */
  readonly written: number[];
}

async function runOn(language: "C" | "TypeScript", more: Partial<LoadOptions>): Promise<Outcome> {
  const target = await startFloor!({ folder: join(folder, "floor"), settings: [] });
  const load = loadIn(language);
  try {
    const { host, port } = target;
    const common = { host, port, topic: "t", partitions: PARTITIONS, batches };
    const result = await load.run({ ...common, ...more });
    const names = readdirSync(target.dataDirectories[0]!).sort();
    const written = names.map((name) => recordsSizeOf(join(target.dataDirectories[0]!, name)));
    return { result, written };
  } finally {
    await target.stop();
  }
}

/** The same with a floor for each broker; where each partition was written. */
async function runOnTwo(leaderIndexes: readonly number[], more: Partial<LoadOptions>) {
  const targets = await Promise.all(
    ["floor-0", "floor-1"].map((name) => {
      return startFloor!({ folder: join(folder, name), settings: [] });
    }),
  );
  try {
    const { host, port } = targets[0]!;
    const leaders = leaderIndexes.map((index) => targets[index]!.port).join();
    const common = { host, port, topic: "t", partitions: PARTITIONS, batches, leaders };
    const result = await loadIn("C").run({ ...common, ...more });
    return {
      result,
      files: targets.map((target) => readdirSync(target.dataDirectories[0]!).sort()),
    };
  } finally {
    for (const target of targets) await target.stop();
  }
}

function loadIn(language: "C" | "TypeScript"): Load {
  const load = loads.get(language) ?? buildLoad(folder, language);
  loads.set(language, load);
  expect(load.language).toBe(language);
  return load;
}

/** Behind what was written the file is of zeros: space that was reserved. */
function recordsSizeOf(path: string): number {
  const bytes = Buffer.alloc(READ_SIZE);
  const file = openSync(path, "r");
  const size = readSync(file, bytes, 0, READ_SIZE, 0);
  closeSync(file);
  let position = 0;
  while (position + 12 < size && bytes.readInt32BE(position + 8) > 0) {
    position += 12 + bytes.readInt32BE(position + 8);
  }
  return position;
}

describe.skipIf(startFloor === null).each(["C", "TypeScript"] as const)(
  "the load generator in %s",
  (language) => {
    test("closed loop: as much as was asked for, over all partitions in turn", async () => {
      const bytes = 40 * batchSize;
      const { result, written } = await runOn(language, { connections: 2, window: 3, bytes });
      expect(result.bytes).toBe(bytes);
      expect(result.requests).toBe(40);
      expect(result.produce!.count).toBe(40);
      expect(result.produce!.p50Us).toBeGreaterThan(0);
      expect(result.produce!.maxUs).toBeGreaterThanOrEqual(result.produce!.p9999Us);
      expect(written.reduce((sum, size) => sum + size, 0)).toBe(bytes);
      // Two connections begin at different partitions, and neither waits for the other.
      expect(Math.min(...written)).toBeGreaterThan(0);
    });

    test("a request may have a batch for each of several partitions", async () => {
      const bytes = 40 * batchSize;
      const { result, written } = await runOn(language, { connections: 1, spread: 2, bytes });
      expect(result.requests).toBe(20);
      expect(written).toEqual([10, 10, 10, 10].map((count) => count * batchSize));
    });

    test("open loop: at its rate, for its time, without what is skipped", async () => {
      const rate = 200 * batchSize;
      const options = { connections: 2, rate, seconds: 1, skip_ms: 500 };
      const { result, written } = await runOn(language, options);
      expect(result.requests).toBe(200);
      expect(result.produce!.count).toBe(100);
      expect(result.lateness!.count).toBe(100);
      expect(written).toEqual([50, 50, 50, 50].map((count) => count * batchSize));
      // The last is due 5 ms before the end.
      expect(result.seconds).toBeGreaterThan(0.99);
    });

    test("a refusal ends it", async () => {
      const damaged = join(folder, "damaged");
      const bytes = readFileSync(batches);
      bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
      writeFileSync(damaged, bytes);
      const running = runOn(language, { batches: damaged, connections: 1, bytes: 10 * batchSize });
      expect(running).rejects.toThrow("the load failed");
      await running.catch(() => undefined);
    });
  },
);

describe.skipIf(startFloor === null)("the load generator in C, with several brokers", () => {
  test.each([
    { connections: 4, window: 2, bytes: 40 * batchSize },
    // Fewer than brokers: each gets one all the same.
    { connections: 1, window: 2, bytes: 40 * batchSize },
    { connections: 3, rate: 200 * batchSize, seconds: 1 },
  ])("sends to each the partitions that it leads: %o", async (options) => {
    const { result, files } = await runOnTwo([0, 1, 1, 0], options);
    expect(result.requests).toBe("rate" in options ? 200 : 40);
    expect(files.map((names) => names.map((name) => Number(/\d+/.exec(name)?.[0])))).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });

  test("opens no connection that would have nothing to send: brokers end those", async () => {
    const target = await startFloor!({ folder: join(folder, "floor"), settings: [] });
    const heard: number[] = [];
    const proxy = createServer((client) => {
      const index = heard.push(0) - 1;
      const broker = connect(target.port, target.host);
      client
        .on("data", (bytes) => (heard[index]! += bytes.length))
        .pipe(broker)
        .pipe(client);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const common = { host: "127.0.0.1", port, topic: "t", partitions: PARTITIONS, batches };
    const paced = { connections: PARTITIONS + 2, rate: 200 * batchSize, seconds: 1 };
    await loadIn("C").run({ ...common, ...paced });
    proxy.close();
    await target.stop();
    // The first is to find out how the broker can be reached.
    expect(heard.slice(1).filter((size) => size > 0)).toHaveLength(PARTITIONS);
    expect(heard).toHaveLength(1 + PARTITIONS);
  });
});
