import { describe, expect, test } from "bun:test";
import { createLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import type { Network, Socket, SocketHandler } from "../../src/base/world.ts";
import { DEFAULT_LIMITS, READ_AGAIN_SIZE } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import type { FakeClock } from "../sim/fake-clock.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import {
  ALONE_LATER,
  BAD,
  BAD_LATER,
  BIG,
  BUG,
  BUG_LATER,
  ECHO,
  ECHO_LATER,
  LAST,
  LATE,
  makeArena,
  metricOf,
  NONSENSE,
  requestOf,
  SILENT,
  TestUndertaking,
  THROTTLED,
  UNKNOWN,
  UNTIL_CLOSING,
} from "./kit.ts";

const MEBIBYTE = 1024 * 1024;

describe("requests of a connection", () => {
  test("are answered in order and whole, however they are cut and however long they take", () => {
    for (let seed = 1; seed <= 15; seed++) {
      const random = new FakeRandom(seed);
      const { world, server, connect, fatals, lines } = makeArena(
        {},
        {
          delayMsMax: 5,
          shortWriteRate: 0.3,
          chunkSizeMax: 2 ** random.between(1, 16),
          sendsLaterFrom: random.pick([1, 20_000, Infinity]),
        },
        seed,
      );
      const clients = [connect(), connect(), connect()];
      const sent: Buffer[][] = clients.map(() => []);
      for (let id = 0; id < 60; id++) {
        clients.forEach((client, index) => {
          const body = random.bytes(4 + random.below(2 ** random.between(1, 14)));
          body.writeInt32BE(random.below(20));
          sent[index]!.push(body);
          client.request(random.pick([ECHO, LATE, ECHO_LATER, ALONE_LATER]), id, body);
        });
        if (random.chance(0.3)) world.clock.advance(random.below(10));
      }
      world.clock.advance(60_000);
      clients.forEach((client, index) => {
        const responses = client.responses();
        expect(responses.map(({ correlationId }) => correlationId)).toEqual(
          Array.from({ length: 60 }, (_, id) => id),
        );
        expect(responses.every(({ body }, id) => body.equals(sent[index]![id]!))).toBe(true);
      });
      expect([server.requestBytes, fatals.length]).toEqual([0, 0]);
      expect(lines.slice(1)).toEqual([]);
    }
  });

  test("run beside each other if they may, and alone if they may not", () => {
    const { world, handler, connect } = makeArena();
    const client = connect();
    client.request(ECHO_LATER, 1, 100);
    client.request(ECHO_LATER, 2, 50);
    client.request(ALONE_LATER, 3, 10);
    client.request(ECHO, 4);
    world.clock.advance(60);
    expect(handler.started).toEqual([1, 2]);
    expect(client.ids()).toEqual([]);
    world.clock.advance(45);
    expect(handler.started).toEqual([1, 2, 3]);
    expect(client.ids()).toEqual([1, 2]);
    world.clock.advance(10);
    expect(client.ids()).toEqual([1, 2, 3, 4]);
  });

  test("get no answer where none is expected", () => {
    const { world, server, connect } = makeArena();
    const client = connect();
    client.request(SILENT, 1);
    client.request(ECHO, 2);
    client.request(SILENT, 3);
    world.clock.advance(1);
    expect(client.ids()).toEqual([2]);
    expect(server.requestBytes).toBe(0);
  });

  test("wait while their client is throttled, but the answer does not", () => {
    const { world, connect } = makeArena();
    const client = connect();
    client.request(THROTTLED, 1, 1000);
    client.request(ECHO, 2);
    world.clock.advance(1);
    client.request(ECHO, 3);
    world.clock.advance(990);
    expect(client.ids()).toEqual([1]);
    world.clock.advance(20);
    expect(client.ids()).toEqual([1, 2, 3]);
  });

  test("wait behind the first that is throttled, also those that came with it", () => {
    const { world, handler, connect, server } = makeArena();
    const client = connect();
    for (let id = 1; id <= 4; id++) client.request(id === 3 ? ECHO : THROTTLED, id, 100);
    world.clock.advance(1);
    expect(handler.started).toEqual([1]);
    world.clock.advance(100);
    expect([handler.started, client.ids()]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    world.clock.advance(1000);
    expect(client.ids()).toEqual([1, 2, 3, 4]);
    expect(server.requestBytes).toBe(0);
  });

  test("wait for one that gets no answer and is throttled", () => {
    const { world, connect } = makeArena();
    const client = connect();
    client.request(SILENT, 1, 500);
    client.request(ECHO, 2);
    world.clock.advance(490);
    expect(client.ids()).toEqual([]);
    world.clock.advance(20);
    expect(client.ids()).toEqual([2]);
  });

  test("of a throttled client are answered when the node stops, and it is not idle", () => {
    const { world, server, connect } = makeArena({ connectionsMaxIdleMs: 1000 });
    const client = connect();
    client.request(THROTTLED, 1, 100_000);
    client.request(ECHO_LATER, 2, 0);
    world.clock.advance(50_000);
    expect([client.ids(), client.isClosed]).toEqual([[1], false]);
    const stopped = server.stop(5000);
    world.clock.advance(10);
    client.finish();
    world.clock.await(stopped, 4000);
    expect(client.ids()).toEqual([1]);
  });

  test("tell how long it took to send their answers, where that is counted", () => {
    const { world, handler, connect } = makeArena();
    const client = connect();
    client.request(ECHO, 1);
    world.clock.advance(1);
    handler.countsTime = true;
    client.request(ECHO, 2);
    world.clock.advance(1);
    client.request(SILENT, 3);
    world.clock.advance(1);
    expect(handler.sentFor).toEqual([2, 3]);
  });

  test("are bounded in number: the rest waits in the kernel", () => {
    const { world, handler, server, connect } = makeArena();
    const client = connect();
    client.request(ECHO_LATER, 0, 1000);
    for (let id = 1; id < 5000; id++) client.request(ECHO_LATER, id, 1);
    world.clock.advance(500);
    expect(handler.started.length).toBe(256);
    world.clock.advance(60_000);
    expect(client.ids()).toEqual(Array.from({ length: 5000 }, (_, id) => id));
    expect(handler.runningMax).toBeLessThanOrEqual(256);
    expect(server.requestBytes).toBe(0);
  });
});

describe("a client that does not read", () => {
  test("stops its own requests, and nothing else", () => {
    const { world, handler, server, connect } = makeArena();
    const slow = connect();
    const other = connect();
    slow.socket.pause();
    for (let id = 0; id < 1000; id++) slow.request(BIG, id, 100_000);
    world.clock.advance(1000);
    expect(handler.started.length).toBeLessThan(20);
    other.request(ECHO, 7);
    world.clock.advance(1);
    expect(other.ids()).toEqual([7]);
    slow.socket.resume();
    world.clock.advance(10_000);
    expect(slow.ids().length).toBe(1000);
    expect(server.requestBytes).toBe(0);
  });

  test.each([Infinity, MEBIBYTE])(
    "is closed when it took nothing for the idle time, though answers wait (threads from %p)",
    (sendsLaterFrom) => {
      const { world, server, connect } = makeArena(
        { connectionsMaxIdleMs: 5000 },
        { sendsLaterFrom },
      );
      const slow = connect();
      slow.socket.pause();
      slow.request(BIG, 1, MEBIBYTE);
      slow.request(UNTIL_CLOSING, 2);
      world.clock.advance(11_000);
      expect(server.connectionCount).toBe(0);
      expect(server.requestBytes).toBe(0);
    },
  );

  test("is not idle while it takes from a thread, however slowly", () => {
    const { world, server, connect } = makeArena(
      { connectionsMaxIdleMs: 5000 },
      { sendsLaterFrom: MEBIBYTE, chunkSizeMax: 10_000 },
    );
    const slow = connect();
    slow.onData = (chunk) => {
      slow.chunks.push(chunk);
      slow.socket.pause();
      world.clock.schedule(100, () => slow.socket.resume());
    };
    slow.request(BIG, 1, 4 * MEBIBYTE);
    world.clock.advance(20_000);
    expect(slow.receivedSize).toBeLessThan(4 * MEBIBYTE);
    expect(server.connectionCount).toBe(1);
    world.clock.advance(100_000);
    expect(slow.ids()).toEqual([1]);
  });

  test("that a thread sends to is answered whole when the node stops meanwhile", () => {
    const { world, server, connect } = makeArena({}, { sendsLaterFrom: MEBIBYTE });
    const client = connect();
    client.socket.pause();
    client.onEnd = () => client.finish();
    client.request(BIG, 1, 4 * MEBIBYTE);
    world.clock.advance(10);
    const stopping = server.stop(5000);
    world.clock.advance(10);
    client.socket.resume();
    world.clock.await(stopping);
    expect(client.ids()).toEqual([1]);
    expect(server.connectionCount).toBe(0);
  });
});

describe("answers that are made when the turn ends", () => {
  test("leave in the order of the requests, behind one that takes its time", () => {
    const { world, server, handler, connect } = makeArena();
    const client = connect();
    client.request(ECHO_LATER, 1, 100);
    for (const id of [2, 3]) client.request(LATE, id);
    expect(client.ids()).toEqual([]);
    world.clock.advance(101);
    expect(client.ids()).toEqual([1, 2, 3]);
    expect(handler.completed).toEqual([2, 3]);
    expect(server.requestBytes).toBe(0);
  });

  test("are made before the memory of their requests is given back", () => {
    const { world, server, handler, connect } = makeArena();
    const client = connect();
    client.request(ECHO_LATER, 1, 100);
    client.request(LATE, 2);
    world.clock.settle();
    expect(handler.completed).toEqual([]);
    client.socket.terminate();
    world.clock.advance(101);
    expect(handler.completed).toEqual([2]);
    expect(server.requestBytes).toBe(0);
  });

  test("wait for what is done for several of them, and those behind wait too", () => {
    const { world, server, handler, connect } = makeArena();
    handler.undertaking = new TestUndertaking();
    const client = connect();
    for (const id of [1, 2]) client.request(LATE, id);
    client.request(ECHO, 3);
    world.clock.advance(1);
    expect([client.ids(), handler.completed]).toEqual([[], []]);
    handler.undertaking.end();
    world.clock.advance(1);
    expect([client.ids(), handler.completed]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
    expect(server.requestBytes).toBe(0);
  });

  test("do not wait for that when their connection closes", () => {
    const { world, server, handler, connect } = makeArena();
    handler.undertaking = new TestUndertaking();
    const client = connect();
    client.request(LATE, 1);
    world.clock.advance(1);
    client.socket.terminate();
    world.clock.advance(1);
    expect([handler.completed, server.requestBytes]).toEqual([[1], 0]);
    handler.undertaking.end();
    world.clock.advance(1);
    expect(server.connectionCount).toBe(0);
  });

  test("that cannot be made end the connection behind those before them", () => {
    const { world, server, handler, lines, fatals, connect } = makeArena();
    const client = connect();
    client.request(LATE, 1);
    client.request(LATE, 2, NONSENSE);
    client.request(ECHO, 3);
    world.clock.advance(1);
    expect([client.ids(), fatals]).toEqual([[1], []]);
    expect(handler.completed).toEqual([1, 2]);
    expect(lines.join()).toContain("bad bytes, at the end");
    expect(server.requestBytes).toBe(0);
  });
});

describe("a client that fills every read", () => {
  test("is answered when the others have had their turn, and not before", () => {
    const { clock } = fakeWorld();
    const written: number[] = [];
    const { accept, server } = acceptOf(clock);
    const small = accept(socketOf(() => written.push(1)));
    const large = accept(socketOf(() => written.push(2)));
    large.data(requestOf(ECHO, 1, Buffer.alloc(READ_AGAIN_SIZE)));
    expect(written).toEqual([]);
    small.data(requestOf(ECHO, 1, 100));
    expect(written).toEqual([1]);
    clock.settle();
    expect(written.slice(0, 2)).toEqual([1, 2]);
    expect(server.requestBytes).toBe(0);
  });
});

describe("bad bytes", () => {
  const cases: [string, Buffer, string][] = [
    ["TLS", Buffer.from("16030100c8010000c40303", "hex"), "looks like TLS"],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "looks like HTTP"],
    ["a negative size", Buffer.from("ffffffff00000000", "hex"), "frame of -1 bytes"],
    ["a size beyond the limit", Buffer.from("7fffffff00000000", "hex"), "larger than"],
    ["no size at all", Buffer.alloc(64), "too small"],
    ["an unknown API", requestOf(UNKNOWN, 1, 0), "unknown API 99 version 1"],
    ["a client id beyond the frame", badClientId(), "expected"],
    ["a body that its handler refuses", requestOf(BAD, 1, 0), "bad bytes"],
    ["a body that its handler refuses later", requestOf(BAD_LATER, 1, 5), "seen late"],
  ];

  test.each(cases)("%s: closes this connection with a reason, and no other", (_, bytes, reason) => {
    const { world, server, lines, metrics, fatals, connect } = makeArena();
    const other = connect();
    other.request(ECHO, 1);
    const bad = connect();
    bad.send(bytes);
    bad.onEnd = () => bad.finish();
    world.clock.advance(100);
    expect([bad.isClosed, bad.closeReason, bad.receivedSize]).toEqual([true, null, 0]);
    const warnings = lines.filter((line) => line.startsWith("WARN"));
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toContain(reason);
    expect(warnings[0]).toContain(`10.0.0.1:${bad.socket.localPort} on PLAINTEXT`);
    expect(metricOf(metrics, "connections_refused_total")).toBe(1);
    other.request(ECHO, 2);
    world.clock.advance(1);
    expect(other.ids()).toEqual([1, 2]);
    expect([server.connectionCount, server.requestBytes, fatals.length]).toEqual([1, 0, 0]);
  });

  test("requests before them are answered, and those behind them are not", () => {
    for (const [kind, bytes] of [
      ["header", Buffer.from("ffffffff", "hex")],
      ["body", requestOf(BAD, 3, 0)],
      ["late body", requestOf(BAD_LATER, 3, 10)],
    ] as const) {
      const { world, server, connect } = makeArena();
      const client = connect();
      client.request(ECHO_LATER, 1, 500);
      client.request(ALONE_LATER, 2, 500);
      client.send(bytes);
      client.request(ECHO, 4);
      client.onEnd = () => client.finish();
      world.clock.advance(990);
      expect([kind, client.ids(), client.isEnded]).toEqual([kind, [1], false]);
      world.clock.advance(30);
      expect([kind, client.ids(), client.isClosed]).toEqual([kind, [1, 2], true]);
      expect([server.connectionCount, server.requestBytes]).toEqual([0, 0]);
    }
  });

  test("a request that runs when one before it turns out bad is let finish, unanswered", () => {
    const { world, server, handler, connect } = makeArena();
    const client = connect();
    client.request(BAD_LATER, 1, 100);
    client.request(ECHO_LATER, 2, 300);
    world.clock.advance(200);
    expect([client.isEnded, client.ids()]).toEqual([true, []]);
    expect([handler.running, server.requestBytes > 0]).toEqual([1, true]);
    client.finish();
    world.clock.advance(200);
    expect([handler.running, server.requestBytes, server.connectionCount]).toEqual([0, 0, 0]);
  });

  test("who goes on sending, or does not go, is reset", () => {
    const { world, server, connect } = makeArena();
    const talker = connect();
    const stayer = connect();
    for (const client of [talker, stayer]) client.send(Buffer.from("ffffffff", "hex"));
    world.clock.advance(10);
    expect([talker.isEnded, stayer.isEnded]).toEqual([true, true]);
    talker.send(Buffer.alloc(2 * MEBIBYTE));
    world.clock.advance(100);
    expect([talker.closeReason, stayer.isClosed]).toEqual(["ECONNRESET", false]);
    world.clock.advance(5000);
    expect([stayer.closeReason, server.connectionCount]).toEqual(["ECONNRESET", 0]);
  });

  test("a flood of them is not a flood of lines", () => {
    const { world, lines, connect } = makeArena();
    for (let count = 0; count < 300; count++) connect().send(Buffer.from("ffffffff", "hex"));
    world.clock.advance(100);
    const warnings = () => lines.filter((line) => line.startsWith("WARN")).length;
    expect(warnings()).toBe(10);
    world.clock.advance(1000);
    expect(warnings()).toBe(11);
    expect(lines.at(-1)).toContain("290 more");
    connect().send(Buffer.from("ffffffff", "hex"));
    world.clock.advance(100);
    expect(warnings()).toBe(12);
  });
});

describe("a bug in a handler", () => {
  test.each([
    ["at once", BUG],
    ["later", BUG_LATER],
  ])("%s: stops the node", (_, apiKey) => {
    const { world, fatals, connect } = makeArena();
    const client = connect();
    client.request(apiKey, 1, 10);
    world.clock.advance(20);
    expect(fatals.length).toBe(1);
    expect(String(fatals[0])).toContain("bug");
    expect(client.isClosed).toBe(true);
  });
});

describe("the end of a connection", () => {
  test("a client that sends FIN behind its requests gets all answers, then FIN", () => {
    const { world, server, connect } = makeArena();
    const client = connect();
    for (let id = 0; id < 400; id++) client.request(ECHO_LATER, id, 5);
    client.finish();
    world.clock.advance(1000);
    expect(client.ids()).toEqual(Array.from({ length: 400 }, (_, id) => id));
    expect([client.isClosed, client.closeReason, server.connectionCount]).toEqual([true, null, 0]);
    expect(server.requestBytes).toBe(0);
  });

  test("a client that leaves in the middle of a frame leaves nothing", () => {
    const { world, server, lines, connect } = makeArena();
    const client = connect();
    client.send(requestOf(ECHO, 1, Buffer.alloc(10_000)).subarray(0, 5000));
    world.clock.advance(1);
    expect(server.requestBytes).toBeGreaterThan(0);
    client.finish();
    world.clock.advance(1);
    expect([client.isClosed, server.connectionCount, server.requestBytes]).toEqual([true, 0, 0]);
    expect(lines.at(-1)).toContain("in the middle of a request");
    expect(lines.filter((line) => line.startsWith("WARN"))).toEqual([]);
  });

  test("a client that resets wakes its waiting requests, and their memory comes back", () => {
    const { world, server, handler, connect } = makeArena();
    const client = connect();
    client.request(UNTIL_CLOSING, 1);
    client.request(ECHO_LATER, 2, 500);
    client.request(ALONE_LATER, 3, 500);
    client.request(ECHO, 4);
    world.clock.advance(100);
    client.socket.terminate();
    world.clock.advance(100);
    expect([server.connectionCount, handler.running]).toEqual([0, 1]);
    expect(server.requestBytes).toBeGreaterThan(0);
    world.clock.advance(500);
    expect([handler.running, server.requestBytes]).toEqual([0, 0]);
    expect(handler.started).toEqual([1, 2]);
  });

  test("clients that reset at any moment leave nothing behind", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new FakeRandom(seed);
      const { world, server, fatals, handler, connect } = makeArena(
        {},
        { delayMsMax: 3, shortWriteRate: 0.3, chunkSizeMax: 3000, pipeSizeMax: 50_000 },
        seed,
      );
      const kinds = random.pick([[ECHO], [ECHO, ECHO_LATER, ALONE_LATER, BIG, SILENT]]);
      for (let count = 0; count < 8; count++) {
        const client = connect();
        for (let id = 0; id < 30; id++) {
          const body = Buffer.alloc(4 + random.below(4000));
          body.writeInt32BE(random.below(seed % 2 === 0 ? 20 : 200_000));
          client.request(random.pick(kinds), id, body);
          if (random.chance(0.2)) world.clock.advance(random.below(4));
        }
        if (random.chance(0.3)) client.finish();
        world.clock.advance(random.below(5));
        client.socket.terminate();
      }
      world.clock.advance(300_000);
      expect([seed, server.connectionCount, server.requestBytes]).toEqual([seed, 0, 0]);
      expect([fatals, handler.running]).toEqual([[], 0]);
    }
  });

  test("a response may be the last", () => {
    const { world, server, connect, lines } = makeArena();
    const client = connect();
    client.request(ECHO, 1);
    client.request(LAST, 2);
    client.request(ECHO, 3);
    client.onEnd = () => client.finish();
    world.clock.advance(10);
    expect([client.ids(), client.isClosed]).toEqual([[1, 2], true]);
    expect([server.connectionCount, server.requestBytes]).toEqual([0, 0]);
    expect(lines.at(-1)).toContain("it asked for it");
  });
});

function badClientId(): Buffer {
  const request = requestOf(ECHO, 1, 0);
  request.writeInt16BE(3000, 12);
  return request;
}

/** A server whose connections the test makes by hand. */
function acceptOf(clock: FakeClock) {
  const { handler } = makeArena();
  let accept: ((socket: Socket) => SocketHandler) | null = null;
  const network: Network = {
    ...fakeWorld().network,
    listen(_host, port, accepts) {
      accept = accepts;
      return { port, stop() {} };
    },
    limitSendThreads() {},
  };
  const logger = createLogger(clock, "error", () => {});
  const fatal = (error: unknown) => {
    throw error;
  };
  const metrics = new Metrics();
  const server = new Server({ clock, network, limits: DEFAULT_LIMITS, logger, metrics, fatal });
  server.start([{ name: "PLAINTEXT", host: "127.0.0.1", port: 9092, handler }]);
  return { server, accept: (socket: Socket) => accept!(socket) };
}

/** One that takes everything. */
function socketOf(wrote: () => void): Socket {
  const write = (_bytes: Uint8Array, _offset: number, length: number) => {
    wrote();
    return length;
  };
  return {
    remoteAddress: "10.0.0.1",
    remotePort: 1,
    localPort: 9092,
    write,
    writeAhead: write,
    sendFile: (_file, _position, length) => length,
    sendsLater: () => false,
    sendLater: () => null,
    pause() {},
    resume() {},
    shutdown() {},
    terminate() {},
  };
}
