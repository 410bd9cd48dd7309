/**
 * What every Network does, the real one (with the kernel's sendfile and with the portable way) and
 * the fake one. Each trap of Bun's sockets that can lose bytes or stall is one of these tests.
 */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { loadCompiled } from "../../src/base/native.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { realDisk } from "../../src/base/real-disk.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { kernelSendFile, portableSendFile } from "../../src/base/real-send-file.ts";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import type { DiskFile, Listener, Network, SendPiece } from "../../src/base/world.ts";
import { linesOf } from "../process-lines.ts";
import { Endpoint } from "../sim/endpoint.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeNetwork } from "../sim/fake-network.ts";
import { FakeRandom } from "../sim/fake-random.ts";

const HOST = "127.0.0.1";
const MEBIBYTE = 1024 * 1024;

interface Arena {
  readonly network: Network;
  readonly moved: Signal;
  until(condition: () => boolean): Promise<void>;
}

function realArena(network: Network): Arena {
  const moved = new Signal();
  const clock = realClock();
  return {
    network,
    moved,
    async until(condition) {
      expect(await waitUntil(clock, [moved], 20_000, condition)).toBe(true);
    },
  };
}

function fakeArena(): Arena {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock, new FakeRandom(5), {
    delayMsMax: 3,
    shortWriteRate: 0.3,
    chunkSizeMax: 100_000,
    sendsLaterFrom: MEBIBYTE,
  });
  return {
    network,
    moved: new Signal(),
    async until(condition) {
      clock.advanceUntil(condition);
      expect(condition()).toBe(true);
    },
  };
}

const kernel = kernelSendFile();
const hasThreads = process.platform === "linux" && loadCompiled() !== null;
const folder = mkdtempSync(join(tmpdir(), "bunka-network-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ARENAS: [string, () => Arena][] = [
  ["the real network", () => realArena(realNetwork(portableSendFile))],
  ["the fake network", fakeArena],
];
if (kernel !== null) {
  ARENAS.push(["the real network with sendfile", () => realArena(realNetwork(kernel))]);
}

describe.each(ARENAS)("%s", (_, makeArena) => {
  let listener: Listener | null = null;
  afterEach(() => listener?.stop());

  async function makePair(arena: Arena): Promise<{ client: Endpoint; server: Endpoint }> {
    const server = new Endpoint(arena.moved);
    listener = arena.network.listen(HOST, 0, (socket) => {
      server.socket = socket;
      arena.moved.move();
      return server;
    });
    const client = new Endpoint(arena.moved);
    const connecting = arena.network.connect(HOST, listener.port, client);
    await arena.until(() => server.socket !== undefined);
    client.socket = await connecting;
    return { client, server };
  }

  test("carries bytes both ways and tells who speaks", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    client.send(Buffer.from("ping"));
    await arena.until(() => server.receivedSize === 4);
    server.send(Buffer.from("pong"));
    await arena.until(() => client.receivedSize === 4);
    expect(server.received().toString() + client.received().toString()).toBe("pingpong");
    expect(server.socket.remoteAddress).toBe(HOST);
    expect(server.socket.localPort).toBe(listener!.port);
    expect(server.socket.remotePort).toBe(client.socket.localPort);
  });

  test("a short write is followed by drain, until all is there", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    const bytes = new FakeRandom(1).bytes(32 * MEBIBYTE);
    client.socket.pause();
    server.send(bytes);
    expect(server.isSent).toBe(false);
    client.socket.resume();
    await arena.until(() => client.receivedSize === bytes.length);
    expect(client.received().equals(bytes)).toBe(true);
    expect(server.drains).toBeGreaterThan(0);
  });

  test("shutdown sends FIN behind every byte, even over unread ones of the peer", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    const bytes = new FakeRandom(2).bytes(16 * MEBIBYTE);
    server.socket.pause();
    client.send(Buffer.alloc(100_000));
    server.send(bytes);
    server.finish();
    client.onEnd = () => client.finish();
    await arena.until(() => client.isEnded);
    expect(client.received().equals(bytes)).toBe(true);
    server.socket.resume();
    await arena.until(() => client.isClosed && server.isClosed);
    expect(client.closeReason).toBe(null);
    expect(server.receivedSize).toBe(100_000);
  });

  test("a peer that sends FIN first still gets all of the answer", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    const bytes = new FakeRandom(3).bytes(16 * MEBIBYTE);
    client.socket.pause();
    client.send(Buffer.from("request"));
    client.finish();
    await arena.until(() => server.isEnded);
    server.send(bytes);
    expect(server.isSent).toBe(false);
    server.finish();
    client.socket.resume();
    await arena.until(() => client.isClosed && server.isClosed);
    expect(client.received().equals(bytes)).toBe(true);
    expect(server.events).toEqual(["data", "end", "close"]);
    expect([client.closeReason, server.closeReason]).toEqual([null, null]);
  });

  test("nothing is delivered while paused but what had been on its way; then data before FIN", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    let pausedAt = -1;
    server.onData = () => {
      if (pausedAt !== -1) return;
      server.socket.pause();
      pausedAt = server.receivedSize;
    };
    const bytes = Buffer.alloc(32 * MEBIBYTE);
    client.send(bytes);
    await arena.until(() => pausedAt !== -1 && !client.isSent);
    expect(server.receivedSize).toBe(pausedAt);
    client.finish();
    server.onEnd = () => server.finish();
    server.socket.resume();
    await arena.until(() => server.isClosed);
    expect(server.receivedSize).toBe(bytes.length);
    expect(server.events).toEqual(["data", "end", "close"]);
  });

  test("a reset is one event, seen even while paused", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    server.socket.pause();
    client.socket.terminate();
    await arena.until(() => server.isClosed && client.isClosed);
    expect(server.events).toEqual(["close"]);
    expect(server.closeReason).toBe("ECONNRESET");
    expect(client.events).toEqual(["close"]);
    expect(server.socket.write(Buffer.from("x"), 0, 1)).toBe(-1);
    expect(client.socket.write(Buffer.from("x"), 0, 1)).toBe(-1);
    // All harmless by now.
    server.socket.resume();
    server.socket.pause();
    server.socket.shutdown();
    server.socket.terminate();
  });

  test("no byte behind a shutdown, and none of an empty write", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    expect(server.socket.write(Buffer.from("x"), 0, 0)).toBe(0);
    server.socket.shutdown();
    expect(() => server.socket.write(Buffer.from("x"), 0, 1)).toThrow("behind a shutdown");
    await arena.until(() => client.isEnded);
    expect(client.receivedSize).toBe(0);
  });

  test("a range of a file goes out whole between other bytes, however slow the reader", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    const bytes = new FakeRandom(4).bytes(24 * MEBIBYTE);
    const path = join(folder, "range");
    writeFileSync(path, bytes);
    const file = realDisk().open(path, "read");
    server.send(Buffer.from("<"));
    client.socket.pause();
    server.sendFile(file, 1000, 20 * MEBIBYTE);
    expect(server.isSent).toBe(false);
    server.send(Buffer.from("|"));
    server.sendFile(file, bytes.length - 10, 10);
    server.send(Buffer.from(">"));
    readInFits(client, arena);
    const size = 20 * MEBIBYTE + 13;
    await arena.until(() => client.receivedSize === size);
    const wanted = Buffer.concat([
      Buffer.from("<"),
      bytes.subarray(1000, 1000 + 20 * MEBIBYTE),
      Buffer.from("|"),
      bytes.subarray(bytes.length - 10),
      Buffer.from(">"),
    ]);
    expect(client.received().equals(wanted)).toBe(true);
    file.close();
  });

  test("a reset in the middle of a file ends in close, and nowhere else", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    const path = join(folder, "cut");
    writeFileSync(path, Buffer.alloc(16 * MEBIBYTE));
    const file = realDisk().open(path, "read");
    client.onData = () => client.socket.terminate();
    server.sendFile(file, 0, 16 * MEBIBYTE);
    await arena.until(() => server.isClosed);
    expect(server.events).toEqual(["close"]);
    expect(server.socket.sendFile(file, 0, 10)).toBe(-1);
    file.close();
  });

  test("pieces that a thread sends are there whole and in order, then what is behind", async () => {
    const arena = makeArena();
    const { client, server } = await makePair(arena);
    expect(server.socket.sendsLater(1, false)).toBe(false);
    if (!server.socket.sendsLater(16 * MEBIBYTE, false)) return expect(hasThreads).toBe(false);
    const bytes = new FakeRandom(6).bytes(24 * MEBIBYTE);
    const path = join(folder, "pieces");
    writeFileSync(path, bytes);
    const file = realDisk().open(path, "read");
    const own = Buffer.from(bytes.buffer.slice(0, MEBIBYTE));
    const pieces: SendPiece[] = [
      { source: own, position: 1, size: 7 },
      { source: file, position: 1000, size: 9 * MEBIBYTE },
      { source: own, position: 8, size: 3 },
      { source: file, position: 5, size: 1000 },
      { source: file, position: 7, size: 60_000 },
      { source: own, position: 100, size: 500_000 },
      { source: file, position: 77, size: 10 * MEBIBYTE },
      { source: file, position: 2, size: 40_000 },
      { source: file, position: 3, size: 40_000 },
    ];
    client.socket.pause();
    let isHeard = false;
    const later = server.socket.sendLater(pieces, false, () => {
      isHeard = true;
      server.send(Buffer.from("behind"));
      arena.moved.move();
    });
    readInFits(client, arena);
    const wanted = pieces.map(({ source, position, size }) =>
      (source === file ? bytes : own).subarray(position, position + size),
    );
    const size = sumOf(pieces.map((piece) => piece.size));
    await arena.until(() => isHeard && client.receivedSize === size + 6);
    expect([later?.isDone, later?.sentBytes]).toEqual([true, size]);
    const all = Buffer.concat([...wanted, Buffer.from("behind")]);
    expect(client.received().equals(all)).toBe(true);
    file.close();
  });

  test("a socket that closes while a thread sends ends in close, and that once", async () => {
    const arena = makeArena();
    const source = Buffer.alloc(32 * MEBIBYTE);
    for (const ends of ["server", "client"] as const) {
      const { client, server } = await makePair(arena);
      if (!server.socket.sendsLater(source.length, false)) return expect(hasThreads).toBe(false);
      let heard = 0;
      client.onData = () => (ends === "server" ? server : client).socket.terminate();
      const pieces = [{ source, position: 0, size: source.length }];
      server.socket.sendLater(pieces, false, () => heard++);
      await arena.until(() => server.isClosed && client.isClosed);
      // The thread that meets a reset takes it from the socket, which then tells of an end.
      expect(["close", "end,close"].slice(0, ends === "server" ? 1 : 2)).toContain(
        server.events.join(),
      );
      expect(client.receivedSize).toBeLessThan(source.length);
      expect(server.socket.sendLater(pieces, false, () => {})).toBe(null);
      // That the peer has gone a thread may say before the socket does.
      expect(heard).toBeLessThanOrEqual(ends === "server" ? 0 : 1);
    }
  });

  test("an address is had once, and again when it is free", async () => {
    const { network } = makeArena();
    const accept = () => new Endpoint(new Signal());
    listener = network.listen(HOST, 0, accept);
    const { port } = listener;
    expect(() => network.listen(HOST, port, accept)).toThrow("EADDRINUSE");
    listener.stop();
    listener = network.listen(HOST, port, accept);
    expect(listener.port).toBe(port);
  });

  test("nobody there is an error with a name", async () => {
    const arena = makeArena();
    const free = arena.network.listen(HOST, 0, () => new Endpoint(new Signal()));
    free.stop();
    let code = "";
    arena.network.connect(HOST, free.port, new Endpoint(arena.moved)).catch((error) => {
      code = (error as { code: string }).code;
      arena.moved.move();
    });
    await arena.until(() => code !== "");
    expect(code).toBe("ECONNREFUSED");
  });
});

/** It stops again and again, so that the socket it reads from is full again and again. */
function readInFits(client: Endpoint, arena: Arena): void {
  let pauses = 0;
  client.onData = (chunk) => {
    client.chunks.push(chunk);
    if (pauses++ % 8 !== 0) return;
    client.socket.pause();
    void arena.until(() => true).then(() => client.socket.resume());
  };
  client.socket.resume();
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

describe("the real network alone", () => {
  test("an empty host is every address of the machine, IPv4 and IPv6 alike", async () => {
    const { network, moved, until } = realArena(realNetwork());
    const addresses: string[] = [];
    const listener = network.listen("", 0, (socket) => {
      addresses.push(socket.remoteAddress);
      moved.move();
      return new Endpoint(moved);
    });
    const hosts = networkInterfaces()["lo"]?.map(({ address }) => address) ?? [HOST];
    const sockets = await Promise.all(
      hosts.map((host) => network.connect(host, listener.port, new Endpoint(moved))),
    );
    await until(() => addresses.length === hosts.length);
    expect(addresses.sort()).toEqual(hosts.sort());
    for (const socket of sockets) socket.terminate();
    listener.stop();
  });

  const arena = realArena(realNetwork());

  test("a range beyond the end of its file is an error, not a stall", async () => {
    const path = join(folder, "short");
    writeFileSync(path, Buffer.alloc(1000));
    const file: DiskFile = realDisk().open(path, "read");
    for (const send of [portableSendFile, kernel ?? portableSendFile]) {
      const sent: number[] = [];
      const target = {
        descriptor: -1,
        write: (_: Uint8Array, __: number, length: number) => sent.push(length) && length,
      };
      expect(() => send(target, file, 900, 200)).toThrow("EIO");
      expect(sent).toEqual([]);
    }
    file.close();
  });

  test("a host that is none is an error with a name", () => {
    expect(() => arena.network.listen("203.0.113.7", 0, () => new Endpoint(arena.moved))).toThrow(
      "EADDRNOTAVAIL",
    );
  });

  test("many clients at once all get in", async () => {
    const servers: Endpoint[] = [];
    const listener = arena.network.listen(HOST, 0, () => {
      servers.push(new Endpoint(arena.moved));
      arena.moved.move();
      return servers.at(-1)!;
    });
    const clients = Array.from({ length: 600 }, () => new Endpoint(arena.moved));
    const sockets = await Promise.all(
      clients.map((client) => arena.network.connect(HOST, listener.port, client)),
    );
    await arena.until(() => servers.length === 600);
    for (const socket of sockets) socket.terminate();
    await arena.until(() => servers.every((server) => server.isClosed));
    listener.stop();
    expect(clients.every((client) => client.isClosed)).toBe(true);
  });

  test("sockets stop short of the last descriptor, and the loop does not spin", async () => {
    const script = join(import.meta.dir, "few-descriptors.ts");
    const command = ["sh", "-c", `ulimit -n 200 && exec "${process.execPath}" "${script}"`];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = linesOf(child.stdout);
    const port = Number((await lines.next()).value);
    const ask = async (): Promise<Descriptors> => {
      child.stdin.write("?\n");
      await child.stdin.flush();
      return JSON.parse((await lines.next()).value ?? "") as Descriptors;
    };
    const clients = Array.from({ length: 400 }, () => new Endpoint(arena.moved));
    for (const client of clients) {
      // Who is turned away may hear of that before it hears that it got in.
      const socket = await arena.network.connect(HOST, port, client).catch(() => null);
      if (socket === null) client.isClosed = true;
      else client.socket = socket;
    }
    await arena.until(() => clients.some((client) => client.isClosed));
    let status = await ask();
    while (status.accepted < 400) status = await ask();
    expect(status.open).toBeGreaterThan(100);
    expect(status.open).toBeLessThanOrEqual(168);
    expect(status.reasons).toEqual(["EMFILE"]);
    // Idle again: it answers many questions at next to no cost.
    const { cpuMs } = await ask();
    await new Promise((resolve) => realClock().schedule(300, () => resolve(null)));
    expect((await ask()).cpuMs - cpuMs).toBeLessThan(150);
    for (const client of clients) if (!client.isClosed) client.socket.terminate();
    while (status.open > 0) status = await ask();
    const again = new Endpoint(arena.moved);
    again.socket = await arena.network.connect(HOST, port, again);
    while (status.open < 1) status = await ask();
    expect(again.isClosed).toBe(false);
    again.socket.terminate();
    child.kill();
  });

  test("an exception in a handler closes its socket and stops the process", async () => {
    const script = join(import.meta.dir, "throwing-handler.ts");
    const child = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "ignore" });
    expect(await new Response(child.stdout).text()).toBe("closed\nuncaught boom\n");
    expect(await child.exited).toBe(7);
  });
});

interface Descriptors {
  readonly accepted: number;
  readonly open: number;
  readonly reasons: (string | null)[];
  readonly cpuMs: number;
}
