import { afterEach, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { FaultProxy, type Source } from "./fault-proxy.ts";
import { ownerOf } from "./socket-owner.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that says what it hears, behind a proxy for which all are `source`. */
async function echo(source: Source = 1): Promise<FaultProxy> {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const proxy = await FaultProxy.listen(port, () => source);
  closers.push(
    () => proxy.close(),
    () => server.close(),
  );
  return proxy;
}

class Line {
  text = "";
  isClosed = false;
  readonly #socket: Socket;
  #moved = Promise.withResolvers<void>();

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    const changed = () => {
      this.#moved.resolve();
      this.#moved = Promise.withResolvers();
    };
    this.#socket.on("data", (bytes) => {
      this.text += bytes.toString();
      changed();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.isClosed = true;
      changed();
    });
    closers.push(() => this.#socket.destroy());
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#moved.promise;
  }
}

test("a good way changes nothing", async () => {
  const proxy = await echo();
  const line = new Line(proxy.port);
  const text = "a".repeat(3_000_000);
  line.say(text);
  await line.until(() => line.text.length === text.length);
  expect(line.text).toBe(text);
});

for (const fault of [{ holdsRequests: true }, { holdsAnswers: true }]) {
  test(`what is held by ${Object.keys(fault)[0]} comes when the way is good again`, async () => {
    const proxy = await echo();
    const line = new Line(proxy.port);
    line.say("before ");
    await line.until(() => line.text === "before ");
    proxy.spoil(1, fault);
    line.say("meanwhile ");
    await Bun.sleep(50);
    expect(line.text).toBe("before ");
    proxy.heal();
    await line.until(() => line.text === "before meanwhile ");
  });
}

test("a cut way breaks what is there and refuses what comes", async () => {
  const proxy = await echo();
  const line = new Line(proxy.port);
  line.say("before");
  await line.until(() => line.text === "before");
  proxy.spoil(1, { isCut: true });
  await line.until(() => line.isClosed);
  const next = new Line(proxy.port);
  await next.until(() => next.isClosed);
  expect([next.text, proxy.connectionCount]).toEqual(["", 0]);
});

test("a way is bad for its source alone", async () => {
  const proxy = await echo(null);
  proxy.spoil(1, { isCut: true });
  const line = new Line(proxy.port);
  line.say("good");
  await line.until(() => line.text === "good");
});

test("a slow way takes its time there and back, and keeps the order", async () => {
  const proxy = await echo();
  proxy.spoil(1, { delayMs: 40 });
  const line = new Line(proxy.port);
  const start = performance.now();
  for (const text of ["1", "2", "3"]) line.say(text);
  await line.until(() => line.text === "123");
  expect(performance.now() - start).toBeGreaterThanOrEqual(79);
});

test("a narrow way lets so much through in a second", async () => {
  const proxy = await echo();
  proxy.spoil(1, { bytesPerSecond: 1_000_000 });
  const line = new Line(proxy.port);
  const start = performance.now();
  line.say("a".repeat(200_000));
  await line.until(() => line.text.length === 200_000);
  expect(performance.now() - start).toBeGreaterThan(100);
});

test("whose socket it is is known", async () => {
  let owner: number | null = null;
  const server = createServer((socket) => {
    owner = ownerOf(socket.remotePort ?? 0, [1, process.pid]);
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  const address = server.address();
  const line = new Line(typeof address === "object" ? (address?.port ?? 0) : 0);
  await line.until(() => line.isClosed);
  expect(owner!).toBe(process.pid);
  expect(ownerOf(1, [process.pid])).toBeNull();
});
