import { afterEach, describe, expect, test } from "bun:test";
import type { RequestHandler } from "../../src/api/request.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import { MetricsText } from "../../src/base/metrics-text.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { serverFamilies } from "../../src/server/metrics/server-families.ts";
import { Server } from "../../src/server/server.ts";
import { Endpoint } from "../sim/endpoint.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import {
  BAD,
  BIG,
  ECHO,
  ECHO_LATER,
  LISTENER,
  makeArena,
  metricOf,
  PORT,
  requestOf,
  UNKNOWN,
  UNTIL_CLOSING,
} from "./kit.ts";

const MEBIBYTE = 1024 * 1024;

describe("a stranger", () => {
  test("is known by the first bytes of its first request, however large and slow that is", () => {
    const { world, connect } = makeArena();
    const stranger = connect();
    const request = requestOf(ECHO, 1, Buffer.alloc(3 * MEBIBYTE));
    stranger.send(request.subarray(0, 100_000));
    world.clock.advance(60_000);
    expect(stranger.isClosed).toBe(false);
    stranger.send(request.subarray(100_000));
    world.clock.advance(10);
    expect(stranger.ids()).toEqual([1]);
  });

  test("is not listened to when those bytes name no API", () => {
    const { world, server, lines, connect } = makeArena();
    const stranger = connect();
    stranger.send(requestOf(UNKNOWN, 1, Buffer.alloc(3 * MEBIBYTE)).subarray(0, 8));
    world.clock.advance(1);
    expect([stranger.isEnded, server.requestBytes]).toEqual([true, 0]);
    expect(lines.at(-1)).toContain("unknown API 99 version 1");
  });

  test("has ten seconds for it, however busily it drips", () => {
    const { world, server, connect } = makeArena();
    const silent = connect();
    const dripping = connect();
    const known = connect();
    known.request(ECHO, 1);
    const bytes = requestOf(ECHO, 1, Buffer.alloc(1000));
    for (let second = 0; second < 9; second += 1.5) {
      dripping.send(bytes.subarray(second / 1.5, second / 1.5 + 1));
      world.clock.advance(1500);
    }
    expect(server.connectionCount).toBe(3);
    world.clock.advance(2000);
    expect([silent.isClosed, dripping.isClosed, known.isClosed]).toEqual([true, true, false]);
  });
});

describe("idle connections", () => {
  test("close after connections.max.idle.ms, from their last request", () => {
    const { world, server, metrics, connect } = makeArena({ connectionsMaxIdleMs: 60_000 });
    const clients = Array.from({ length: 50 }, () => connect());
    for (const client of clients) client.request(ECHO, 1);
    world.clock.advance(59_000);
    clients[7]!.request(ECHO, 2);
    world.clock.advance(2000);
    expect(clients.map((client) => client.isClosed)).toEqual(
      clients.map((_, index) => index !== 7),
    );
    expect(metricOf(metrics, "connections_expired_total")).toBe(49);
    world.clock.advance(57_000);
    expect(clients[7]!.isClosed).toBe(false);
    world.clock.advance(2000);
    expect([clients[7]!.isClosed, server.connectionCount]).toEqual([true, 0]);
  });

  test("are not those that wait for us", () => {
    const { world, connect } = makeArena({ connectionsMaxIdleMs: 1000 });
    const client = connect();
    client.request(ECHO_LATER, 1, 30_000);
    world.clock.advance(29_000);
    expect(client.isClosed).toBe(false);
    world.clock.advance(1500);
    expect([client.ids(), client.isClosed]).toEqual([[1], false]);
    world.clock.advance(2000);
    expect(client.isClosed).toBe(true);
  });

  test("are those that drip, and not those that send a large request slowly", () => {
    const { world, connect } = makeArena({ connectionsMaxIdleMs: 10_000 });
    const dripping = connect();
    const slow = connect();
    const bytes = requestOf(ECHO, 2, Buffer.alloc(4 * MEBIBYTE));
    for (const client of [dripping, slow]) client.request(ECHO, 1);
    for (let second = 0; second < 30; second++) {
      dripping.send(bytes.subarray(second * 100, second * 100 + 100));
      slow.send(bytes.subarray(second * 10_000, second * 10_000 + 10_000));
      world.clock.advance(1000);
    }
    expect([dripping.isClosed, slow.isClosed]).toEqual([true, false]);
  });

  test("cost one timer together", () => {
    const { world, connect } = makeArena();
    const before = world.clock.timerCount;
    for (let count = 0; count < 500; count++) connect().request(ECHO, 1);
    world.clock.advance(100);
    expect(world.clock.timerCount - before).toBeLessThanOrEqual(2);
  });
});

test("what ends connections is counted, each once and by its first cause", () => {
  const { world, server, connect, metrics } = makeArena({ connectionsMaxIdleMs: 60_000 });
  const known = () => {
    const client = connect();
    client.request(ECHO, 1);
    client.onEnd = () => client.finish();
    return client;
  };
  const gone = known();
  const lost = known();
  const bad = known();
  connect();
  world.clock.advance(10);
  gone.finish();
  lost.socket.terminate();
  bad.request(BAD, 2);
  world.clock.advance(61_000);
  known();
  void server.stop(1000);
  world.clock.advance(10);
  const none = { crowded: 0, idle: 0 };
  const once = { client: 1, lost: 1, refused: 1, stranger: 1, stop: 1 };
  expect(server.listenerCounts()[0]!.closed).toEqual({ ...none, ...once });
  const out = new MetricsText("prometheus");
  for (const _ of serverFamilies(server)(out));
  const text = out.take();
  expect(text).toContain(
    'bunka_server_connections_closed_total{listener="PLAINTEXT",reason="lost"} 1\n',
  );
  const labels = '{listener="PLAINTEXT",networkProcessor="0"}';
  const name = "kafka_server_socket_server_metrics_expired_connections_killed_count";
  expect(text).toContain(`${name}${labels} 1\n`);
  expect(metricOf(metrics, "connections_expired_total")).toBe(1);
});

describe("the number of connections", () => {
  test("is bounded for all and for each address", () => {
    const { world, server, metrics, lines, connect } = makeArena({
      maxConnections: 5,
      maxConnectionsPerIp: 2,
      maxConnectionsPerIpOverrides: new Map([["10.0.0.2", 3]]),
    });
    const ones = [1, 2, 3].map(() => connect("10.0.0.1"));
    const twos = [1, 2, 3, 4].map(() => connect("10.0.0.2"));
    const other = connect("10.0.0.3");
    world.clock.advance(1);
    const isClosed = (client: Endpoint) => client.isClosed;
    expect(ones.map(isClosed)).toEqual([false, false, true]);
    // The fourth of the second address waits for a place, and the other behind it.
    expect(twos.map(isClosed)).toEqual([false, false, false, false]);
    expect([other.isClosed, server.connectionCount]).toEqual([false, 5]);
    expect(metricOf(metrics, "connections_turned_away_total")).toBe(1);
    ones[0]!.socket.terminate();
    world.clock.advance(1);
    expect([twos[3]!.isClosed, server.connectionCount]).toEqual([true, 5]);
    expect(metricOf(metrics, "connections_turned_away_total")).toBe(2);
    expect(lines.filter((line) => line.includes("turned away")).length).toBe(2);
    other.request(ECHO, 1);
    const again = connect("10.0.0.1");
    world.clock.advance(1);
    expect([other.ids().length, again.isClosed, server.connectionCount]).toEqual([1, false, 5]);
  });
});

describe("the number of connections, when it is lowered", () => {
  test("ends those that were silent for longest", () => {
    const limits = { maxConnections: 10 };
    const { world, server, connect } = makeArena(limits);
    const clients = [1, 2, 3, 4].map(() => connect());
    for (const [index, client] of clients.entries()) {
      world.clock.advance(10);
      client.request(ECHO, index);
    }
    world.clock.advance(10);
    clients[0]!.request(ECHO, 9);
    world.clock.advance(10);
    server.limitsChanged();
    expect(server.connectionCount).toBe(4);
    limits.maxConnections = 2;
    server.limitsChanged();
    world.clock.advance(10);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, true, true, false]);
  });
});

describe("memory for requests", () => {
  test("is bounded, and everyone is served in the end", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const limit = 2 * MEBIBYTE;
      const { world, server, connect, fatals } = makeArena(
        { queuedMaxRequestBytes: limit },
        { delayMsMax: 2, chunkSizeMax: 100_000 },
        seed,
      );
      const random = new FakeRandom(seed);
      const clients = Array.from({ length: 20 }, () => connect());
      for (const client of clients) client.request(ECHO, 0);
      world.clock.advance(10);
      // Together they want 40 times the limit, and each a tenth of it at least.
      clients.forEach((client) => {
        for (let id = 1; id <= 4; id++) {
          const body = Buffer.alloc(random.between(300_000, 1_800_000));
          body.writeInt32BE(random.below(50));
          client.request(random.pick([ECHO, ECHO_LATER]), id, body);
        }
      });
      let most = 0;
      for (let step = 0; step < 200_000 && world.clock.step(); step++) {
        most = Math.max(most, server.requestBytes);
        if (clients.every((client) => client.receivedSize > 0 && client.isSent)) break;
      }
      world.clock.advance(120_000);
      expect(clients.map((client) => client.ids().length)).toEqual(clients.map(() => 5));
      // One favoured frame, and a chunk of each connection.
      expect(most).toBeLessThan(limit + 4 * 1_800_000 + 20 * 100_000 * 4);
      expect([server.requestBytes, fatals.length]).toEqual([0, 0]);
    }
  });

  test("held by frames that do not become whole is won back", () => {
    const { world, server, lines, connect } = makeArena({ queuedMaxRequestBytes: MEBIBYTE });
    const hoarders = Array.from({ length: 4 }, () => connect());
    const honest = connect();
    for (const client of [...hoarders, honest]) client.request(ECHO, 1);
    world.clock.advance(1);
    const bytes = requestOf(ECHO, 2, Buffer.alloc(50 * MEBIBYTE));
    for (const client of hoarders) client.send(bytes.subarray(0, 300_000));
    world.clock.advance(1);
    expect(server.requestBytes).toBeGreaterThan(MEBIBYTE);
    honest.send(requestOf(ECHO, 3, Buffer.alloc(100_000)));
    world.clock.advance(100_000);
    expect(honest.ids()).toEqual([1, 3]);
    expect(lines.filter((line) => line.includes("while memory is short")).length).toBeGreaterThan(
      0,
    );
    expect(hoarders.some((client) => client.isEnded)).toBe(true);
  });

  test("a client that waits for room may leave", () => {
    const { world, server, connect } = makeArena({ queuedMaxRequestBytes: 1000 });
    const first = connect();
    first.request(ECHO_LATER, 1, 5000);
    first.send(requestOf(ECHO_LATER, 2, laterBody(5000, 2000)));
    world.clock.advance(1);
    const second = connect();
    second.request(ECHO_LATER, 1, 5000);
    world.clock.advance(1);
    second.socket.terminate();
    first.socket.terminate();
    world.clock.advance(10_000);
    expect([server.connectionCount, server.requestBytes]).toEqual([0, 0]);
  });

  test("too many requests that wait stop all reading until some have started", () => {
    const { world, handler, metrics, connect } = makeArena({ queuedMaxRequests: 10 });
    const client = connect();
    client.request(UNTIL_CLOSING, 0);
    for (let id = 1; id <= 200; id++) client.request(2, id, 1);
    const other = connect();
    other.request(ECHO, 1);
    world.clock.advance(1);
    expect(other.ids()).toEqual([1]);
    other.request(ECHO, 2);
    world.clock.advance(100);
    expect(metricOf(metrics, "requests_queued")).toBeLessThanOrEqual(12);
    client.socket.terminate();
    world.clock.advance(100);
    expect([other.ids(), handler.running]).toEqual([[1, 2], 0]);
  });
});

describe("starting and stopping", () => {
  test("starting is all or nothing", () => {
    const { world, handler } = makeArena();
    const server = new Server({
      clock: world.clock,
      network: world.network,
      limits: DEFAULT_LIMITS,
      logger: silentLogger,
      metrics: new Metrics(),
      fatal: () => {},
    });
    const host = "127.0.0.1";
    const addresses = [
      { name: "INTERNAL", host, port: 9191, handler },
      { name: "EXTERNAL", host, port: PORT, handler },
    ];
    expect(() => server.start(addresses)).toThrow("EADDRINUSE");
    server.start([{ name: "INTERNAL", host, port: 9191, handler }]);
    expect(server.port("INTERNAL")).toBe(9191);
    expect(() => server.port("EXTERNAL")).toThrow("a listener EXTERNAL");
  });

  test("stopping answers what has begun, wakes who waits, and turns away who comes", () => {
    const { world, server, connect, handler } = makeArena();
    const idle = connect();
    idle.request(ECHO, 1);
    const busy = connect();
    busy.request(ECHO_LATER, 1, 800);
    busy.request(UNTIL_CLOSING, 2);
    busy.request(BIG, 3, 3 * MEBIBYTE);
    for (const client of [idle, busy]) client.onEnd = () => client.finish();
    world.clock.advance(10);
    let isStopped = false;
    void server.stop(5000).then(() => (isStopped = true));
    world.clock.advance(10);
    expect([idle.isClosed, busy.isClosed, isStopped]).toEqual([true, false, false]);
    expect(handler.running).toBe(1);
    expect(() => connect()).toThrow("ECONNREFUSED");
    world.clock.advance(1000);
    expect([busy.ids(), busy.closeReason, isStopped]).toEqual([[1, 2, 3], null, true]);
    expect([server.connectionCount, server.requestBytes]).toEqual([0, 0]);
    expect(world.clock.timerCount).toBe(0);
  });

  test("whoever is left at the deadline is reset", () => {
    const { world, server, connect, lines } = makeArena();
    const stuck = connect();
    stuck.socket.pause();
    stuck.request(BIG, 1, 3 * MEBIBYTE);
    const long = connect();
    long.request(ECHO_LATER, 1, 60_000);
    world.clock.advance(10);
    let isStopped = false;
    void server.stop(5000).then(() => (isStopped = true));
    world.clock.advance(4900);
    expect(isStopped).toBe(false);
    world.clock.advance(200);
    expect([isStopped, server.connectionCount]).toEqual([true, 0]);
    expect([stuck.closeReason, long.closeReason]).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(lines.at(-3)).toContain("2 connections reset");
    expect(lines.at(-2)).toContain("unsent answers");
    expect(lines.at(-1)).toMatch(/API \d+ of /);
  });
});

describe("on real sockets", () => {
  const servers: Server[] = [];
  const clock = realClock();
  const network = realNetwork();
  const echo: RequestHandler = {
    requestHeaderVersion: () => 1,
    mayOverlap: () => true,
    handle: ({ body }) => ({
      flexibleHeader: false,
      parts: [body.bytes.subarray(body.position, body.position + body.remaining)],
    }),
  };

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop(1000);
  });

  function start(limits = DEFAULT_LIMITS): Server {
    const server = new Server({
      clock,
      network,
      limits,
      logger: silentLogger,
      metrics: new Metrics(),
      fatal: (error) => {
        throw error;
      },
    });
    servers.push(server);
    server.start([{ name: LISTENER, host: "127.0.0.1", port: 0, handler: echo }]);
    return server;
  }

  async function connect(server: Server): Promise<Endpoint> {
    const client = new Endpoint(new Signal());
    client.socket = await network.connect("127.0.0.1", server.port(LISTENER), client);
    return client;
  }

  test("pipelined requests of any size come back in order, byte for byte", async () => {
    const server = start();
    const client = await connect(server);
    const random = new FakeRandom(11);
    const bodies = Array.from({ length: 300 }, (_, id) =>
      random.bytes(id % 50 === 49 ? 3 * MEBIBYTE : random.below(5000)),
    );
    const wanted = Buffer.concat(
      bodies.flatMap((body, id) => {
        const header = Buffer.alloc(8);
        header.writeInt32BE(4 + body.length);
        header.writeInt32BE(id, 4);
        return [header, body];
      }),
    );
    bodies.forEach((body, id) => client.send(requestOf(ECHO, id, body)));
    client.finish();
    expect(await waitUntil(clock, [client.moved], 20_000, () => client.isClosed)).toBe(true);
    expect(client.closeReason).toBe(null);
    expect(client.received().equals(wanted)).toBe(true);
    expect(server.requestBytes).toBe(0);
  });

  test("garbage closes its own connection, with FIN and not with a reset", async () => {
    const server = start();
    const bad = await connect(server);
    const good = await connect(server);
    bad.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    bad.onEnd = () => bad.finish();
    expect(await waitUntil(clock, [bad.moved], 5000, () => bad.isClosed)).toBe(true);
    expect(bad.closeReason).toBe(null);
    good.send(requestOf(ECHO, 1, Buffer.from("well")));
    expect(await waitUntil(clock, [good.moved], 5000, () => good.receivedSize === 12)).toBe(true);
    good.socket.terminate();
  });
});

function laterBody(delayMs: number, size: number): Buffer {
  const body = Buffer.alloc(size);
  body.writeInt32BE(delayMs);
  return body;
}

test("the network's threads are as many as the limits say, also when those change", () => {
  const limits = { sendThreadsMax: 3 };
  const { world, server } = makeArena(limits);
  expect(world.wire.sendThreadsMax).toBe(3);
  limits.sendThreadsMax = 1;
  server.limitsChanged();
  expect(world.wire.sendThreadsMax).toBe(1);
});
