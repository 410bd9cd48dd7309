import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { loadCompiled } from "../../src/base/native.ts";
import { realDisk } from "../../src/base/real-disk.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { SEND_THREADS_FROM, sendThreads } from "../../src/base/real-send-threads.ts";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { Endpoint } from "../sim/endpoint.ts";

const folder = mkdtempSync(join(tmpdir(), "bunka-send-threads-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HOST = "127.0.0.1";
/** Without a compiler, or elsewhere than on Linux, there are none. */
const hasThreads = process.platform === "linux" && loadCompiled() !== null;
const moved = new Signal();
const clock = realClock();

async function until(condition: () => boolean): Promise<void> {
  expect(await waitUntil(clock, [moved], 20_000, condition)).toBe(true);
}

async function makePairs(count: number): Promise<{ client: Endpoint; server: Endpoint }[]> {
  const servers: Endpoint[] = [];
  const network = realNetwork();
  const listener = network.listen(HOST, 0, (socket) => {
    const server = new Endpoint(moved);
    server.socket = socket;
    servers.push(server);
    moved.move();
    return server;
  });
  const clients: Endpoint[] = [];
  for (let index = 0; index < count; index++) {
    const client = new Endpoint(moved);
    client.socket = await network.connect(HOST, listener.port, client);
    clients.push(client);
    await until(() => servers.length === clients.length);
  }
  listener.stop();
  return clients.map((client, index) => ({ client, server: servers[index]! }));
}

const eitherWay = test.skipIf(!hasThreads).each([false, true]);

eitherWay("a file that ends too early is left to the loop (cold: %p)", async (isCold) => {
  const [pair] = await makePairs(1);
  const { client, server } = pair!;
  const path = join(folder, "short");
  writeFileSync(path, Buffer.alloc(100_000, 1));
  const file = realDisk().open(path, "read");
  for (const size of [20_000, 200_000]) {
    const before = client.receivedSize;
    let isHeard = false;
    const pieces = [
      { source: file, position: 0, size: 90_000 },
      { source: file, position: 90_000, size },
      { source: file, position: 0, size: 90_000 },
    ];
    const later = server.socket.sendLater(pieces, isCold, () => {
      isHeard = true;
      moved.move();
    });
    await until(() => isHeard && client.receivedSize - before === 100_000);
    expect([later?.isDone, later?.sentBytes]).toEqual([true, 100_000]);
  }
  file.close();
  client.socket.terminate();
  await until(() => server.isClosed);
});

test.skipIf(!hasThreads)("more and fewer threads while they send, and one at least", async () => {
  const pairs = await makePairs(8);
  const source = Buffer.alloc(16 << 20);
  const pieces = [{ source, position: 0, size: source.length }];
  const cores = availableParallelism();
  let heard = 0;
  for (const [index, wanted] of [1, 8, 1, 2, 1, 3, 2, 1].entries()) {
    const { server } = pairs[index]!;
    server.socket.sendLater(pieces, false, () => {
      heard++;
      moved.move();
    });
    expect(sendThreads()?.resize(wanted)).toBe(Math.min(wanted, cores));
  }
  // Of those that were too many each ends once it has nothing to send.
  const threadsNow = () => readdirSync("/proc/self/task").length;
  await until(() => heard === 8 && pairs.every((each) => each.client.receivedSize === 16 << 20));
  const few = threadsNow();
  realNetwork().limitSendThreads(cores);
  expect(threadsNow()).toBeGreaterThanOrEqual(few);
  for (const { client } of pairs) client.socket.terminate();
  await until(() => pairs.every(({ server }) => server.isClosed));
});

eitherWay(
  "as many as there is room for, then none, then as many again (cold: %p)",
  async (isCold) => {
    const pairs = await makePairs(300);
    const source = Buffer.alloc(8 << 20);
    const pieces = [{ source, position: 0, size: source.length }];
    for (const { client } of pairs) client.socket.pause();
    let heard = 0;
    const begin = (some: typeof pairs) =>
      some.filter(({ server }) => {
        return server.socket.sendLater(pieces, isCold, () => heard++) !== null;
      });
    const taken = begin(pairs);
    expect(taken.length).toBe(256);
    for (const { client } of pairs) client.onData = () => {};
    const [stopped, goOn] = [taken.slice(0, 200), taken.slice(200)];
    for (const { server } of stopped) server.socket.terminate();
    for (const { client } of goOn) client.socket.resume();
    await until(() => goOn.every(({ client }) => client.receivedSize === source.length));
    await until(() => stopped.every(({ server }) => server.isClosed));
    expect(heard).toBe(56);
    expect(begin(pairs.slice(256)).length).toBe(44);
    for (const { client } of pairs) client.socket.terminate();
    await until(() => pairs.every(({ server }) => server.isClosed));
  },
  60_000,
);

test.skipIf(!hasThreads)("threads are for what is large, or on the disk", async () => {
  const [pair] = await makePairs(1);
  const { socket } = pair!.server;
  const answers = [
    socket.sendsLater(SEND_THREADS_FROM - 1, false),
    socket.sendsLater(SEND_THREADS_FROM, false),
    socket.sendsLater(1, true),
  ];
  expect(answers).toEqual([false, true, true]);
  pair!.client.socket.terminate();
  await until(() => pair!.server.isClosed);
  expect(socket.sendsLater(SEND_THREADS_FROM, true)).toBe(false);
});
