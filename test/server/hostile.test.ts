/** Thousands of hostile clients against a server in a process of its own, over real sockets. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { realClock } from "../../src/base/real-clock.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import { linesOf } from "../process-lines.ts";
import { Endpoint } from "../sim/endpoint.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { ECHO, requestOf, UNKNOWN } from "./kit.ts";

const MEBIBYTE = 1024 * 1024;
const clock = realClock();
const network = realNetwork();
const random = new FakeRandom(2026);

const child = Bun.spawn([process.execPath, join(import.meta.dir, "echo-process.ts")], {
  stdin: "pipe",
  stdout: "pipe",
  stderr: "inherit",
});
const lines = linesOf(child.stdout);
const port = Number((await lines.next()).value);
afterAll(() => child.kill());

describe("hostile clients", () => {
  test("cost their own connections only, and memory stays flat", async () => {
    const good = await connect();
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      const clients = await Promise.all(Array.from({ length: 400 }, () => connect()));
      clients.forEach((client, index) => attack(client, index));
      good.send(requestOf(ECHO, round, Buffer.from("well")));
      const wanted = 12 * (round + 1);
      expect(await waitUntil(clock, [good.moved], 5000, () => good.receivedSize === wanted)).toBe(
        true,
      );
      for (const client of clients) client.socket.terminate();
      sizes.push((await statusWhen((status) => status.connectionCount === 1)).rss);
    }
    const status = await statusWhen(() => true);
    expect([status.connectionCount, status.requestBytes]).toEqual([1, 0]);
    expect(status.warnings).toBeGreaterThan(10);
    // The first rounds fill pools and warm up code.
    expect(Math.max(...sizes.slice(3)) - sizes[2]!).toBeLessThan(24 * MEBIBYTE);
    expect(good.isClosed).toBe(false);
    good.socket.terminate();
  }, 30_000);
});

interface Status {
  readonly rss: number;
  readonly connectionCount: number;
  readonly requestBytes: number;
  readonly warnings: number;
}

function attack(client: Endpoint, index: number): void {
  const kind = index % 10;
  if (kind === 0) client.send(random.bytes(100));
  else if (kind === 1) client.send(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  else if (kind === 2) client.send(Buffer.from("16030100f0010000ec0303", "hex"));
  else if (kind === 3) client.send(Buffer.from("7fffffff", "hex"));
  else if (kind === 4) client.send(requestOf(UNKNOWN, 1, 0));
  else if (kind === 5) {
    // A valid greeting, and then a frame that never becomes whole.
    client.send(requestOf(ECHO, 1, 0));
    client.send(requestOf(ECHO, 2, Buffer.alloc(20 * MEBIBYTE)).subarray(0, 200_000));
  } else if (kind === 6) {
    // Many answers, none of them read.
    client.socket.pause();
    for (let id = 0; id < 20; id++) client.send(requestOf(ECHO, id, Buffer.alloc(60_000)));
  } else if (kind === 7) {
    const bytes = requestOf(ECHO, 1, Buffer.alloc(30));
    bytes[random.below(bytes.length)] = random.below(256);
    client.send(bytes);
  } else if (kind === 8) client.send(Buffer.alloc(1));
  else client.finish();
}

async function connect(): Promise<Endpoint> {
  const client = new Endpoint(new Signal());
  client.socket = await network.connect("127.0.0.1", port, client);
  return client;
}

/** Asks the server until its answer is as wanted. */
async function statusWhen(condition: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    child.stdin.write("status\n");
    await child.stdin.flush();
    const status = JSON.parse((await lines.next()).value ?? "") as Status;
    if (condition(status)) return status;
  }
}
