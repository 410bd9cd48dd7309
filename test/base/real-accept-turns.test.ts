import { expect, test } from "bun:test";
import { AcceptTurns } from "../../src/base/real-accept-turns.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { socketCalls } from "../../src/base/real-socket-calls.ts";
import { TURN_MS } from "../../src/base/turns.ts";
import type { Socket, SocketHandler } from "../../src/base/world.ts";

const HOST = "127.0.0.1";
const network = realNetwork();
const isLinux = process.platform === "linux";

function work(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

function handler(): SocketHandler {
  const nothing = () => undefined;
  return { data: nothing, drain: nothing, end: nothing, close: nothing };
}

function connect(port: number, count: number): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, () => network.connect(HOST, port, handler())));
}

/** So many connect at once, and each is accepted for so long: how many were, turn by turn. */
async function acceptAll(count: number, ms: number): Promise<number[]> {
  const turns: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let isTurn = false;
  let left = count;
  const listener = network.listen(HOST, 0, () => {
    if (!isTurn) {
      isTurn = true;
      turns.push(0);
      setImmediate(() => (isTurn = false));
    }
    turns.push(turns.pop()! + 1);
    work(ms);
    if (--left === 0) resolve();
    return handler();
  });
  const sockets = await connect(listener.port, count);
  await promise;
  for (const socket of sockets) socket.terminate();
  listener.stop();
  return turns;
}

test.skipIf(!isLinux)("many who connect at once are accepted in several turns", async () => {
  const turns = await acceptAll(200, TURN_MS / 4);
  expect(Math.max(...turns)).toBeLessThanOrEqual(5);
});

test("those of whom there is nothing to do are accepted together", async () => {
  const turns = await acceptAll(5, 0);
  expect(turns.length).toBeLessThan(5);
});

test.skipIf(!isLinux)("nobody listens after a stop while the listener is set aside", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let acceptedCount = 0;
  const listener = network.listen(HOST, 0, () => {
    work(TURN_MS);
    // It is set aside behind the second one.
    if (++acceptedCount === 2) queueMicrotask(resolve);
    return handler();
  });
  const { port } = listener;
  const asked = connect(port, 50);
  await promise;
  listener.stop();
  for (const socket of await asked) socket.terminate();
  expect(acceptedCount).toBe(2);
  expect(await refusal(port)).toBe("ECONNREFUSED");
  network.listen(HOST, port, () => handler()).stop();
});

async function refusal(port: number): Promise<unknown> {
  try {
    await network.connect(HOST, port, handler());
    return null;
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
}

test("where no descriptor is left the listener stays as it is", () => {
  const asked: number[] = [];
  const calls = {
    setAside(listener: number) {
      asked.push(listener);
      return null;
    },
    putBack: () => false,
  };
  const turns = new AcceptTurns(calls, 3);
  turns.accepted();
  work(TURN_MS);
  turns.accepted();
  turns.end();
  expect(asked).toEqual([3]);
});

test.skipIf(!isLinux)("a descriptor that was set aside is what it was when it is back", () => {
  const calls = socketCalls()!;
  const server = Bun.listen({ hostname: HOST, port: 0, socket: { data() {} } });
  const { fd } = server as unknown as { readonly fd: number };
  const usual = calls.congestionControl(fd);
  const aside = calls.setAside(fd);
  expect(aside).toBeGreaterThan(fd);
  expect(calls.congestionControl(fd)).toBeNull();
  expect(calls.congestionControl(aside!)).toBe(usual);
  expect(calls.putBack(fd, aside!)).toBe(true);
  expect(calls.congestionControl(fd)).toBe(usual);
  expect(calls.congestionControl(aside!)).toBeNull();
  server.stop(true);
});
