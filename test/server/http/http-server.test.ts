import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { silentLogger } from "../../../src/base/logger.ts";
import { Signal } from "../../../src/base/signal.ts";
import type { HttpAnswer } from "../../../src/server/http/http-answer.ts";
import { CONNECTIONS_MAX, HttpServer } from "../../../src/server/http/http-server.ts";
import type { HttpRequest } from "../../../src/server/http/http-request.ts";
import { Endpoint } from "../../sim/endpoint.ts";
import { fakeWorld } from "../../sim/fake-world.ts";

const PORT = 9404;

function makeSite(answer: (request: HttpRequest) => HttpAnswer = greet) {
  const world = fakeWorld();
  const fatals: unknown[] = [];
  const server = new HttpServer({
    clock: world.clock,
    network: world.network,
    logger: silentLogger,
    answer,
    fatal: (error) => fatals.push(error),
  });
  server.start("127.0.0.1", PORT);
  const connect = () => {
    const client = new Endpoint(new Signal());
    client.socket = world.clock.await(world.network.connect("127.0.0.1", PORT, client));
    return client;
  };
  const ask = (...lines: string[]) => {
    const client = connect();
    client.send(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
    world.clock.advance(1);
    return client;
  };
  return { world, server, fatals, connect, ask };
}

function greet({ path }: HttpRequest): HttpAnswer {
  return { status: 200, contentType: "text/plain", pieces: ["hello ", path].values() };
}

function partsOf(client: Endpoint): { head: string; body: Buffer } {
  const bytes = client.received();
  const end = bytes.indexOf("\r\n\r\n");
  return { head: bytes.toString("latin1", 0, end), body: bytes.subarray(end + 4) };
}

function unchunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const end = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.toString("latin1", at, end), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(body.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}

describe("the HTTP server", () => {
  test("answers in chunks, keeps the connection, and answers again", () => {
    const { world, ask } = makeSite();
    const client = ask("GET /a?b=c HTTP/1.1", "Host: x");
    const { head, body } = partsOf(client);
    expect(head).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain");
    expect(unchunked(body).toString()).toBe("hello /a");
    client.chunks.length = 0;
    client.send(Buffer.from("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n"));
    world.clock.advance(1);
    const text = client.received().toString();
    expect(text.indexOf("/1")).toBeLessThan(text.indexOf("/2"));
    expect(client.isEnded).toBe(true);
  });

  test("sends HTTP/1.0 clients the body as it is, and an end", () => {
    const { ask } = makeSite();
    const client = ask("GET /old HTTP/1.0");
    expect(partsOf(client).body.toString()).toBe("hello /old");
    expect(client.isEnded).toBe(true);
  });

  test("compresses for those who ask, in one gzip file", () => {
    const text = "kafka_log_log_size ".repeat(5000);
    const { ask } = makeSite(() => ({
      status: 200,
      contentType: "text/plain",
      pieces: [text, "", text].values(),
    }));
    const client = ask("GET / HTTP/1.1", "Accept-Encoding: deflate, gzip;q=0.8");
    const { head, body } = partsOf(client);
    expect(head).toContain("Content-Encoding: gzip");
    expect(gunzipSync(unchunked(body)).toString()).toBe(text + text);
    expect(body.length).toBeLessThan(text.length / 20);
    const plain = ask("GET / HTTP/1.1", "Accept-Encoding: gzip;q=0");
    expect(partsOf(plain).head).not.toContain("Content-Encoding");
  });

  test("HEAD has no body", () => {
    const { ask } = makeSite();
    const { head, body } = partsOf(ask("HEAD /x HTTP/1.1"));
    expect(head).toStartWith("HTTP/1.1 200 OK");
    expect(body.length).toBe(0);
  });

  test("refuses what it does not understand, and closes", () => {
    const { ask, fatals } = makeSite();
    const cases: [string[], number][] = [
      [["nonsense"], 400],
      [["GET / HTTP/1.1", "no colon"], 400],
      [["GET / HTTP/2.0"], 505],
      [["POST / HTTP/1.1", "Content-Length: 9999999999"], 413],
      [["POST / HTTP/1.1", "Transfer-Encoding: chunked"], 413],
      [[`GET /${"x".repeat(9000)} HTTP/1.1`], 431],
    ];
    for (const [lines, status] of cases) {
      const client = ask(...lines);
      expect(partsOf(client).head).toStartWith(`HTTP/1.1 ${status} `);
      expect(client.isEnded).toBe(true);
      client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    }
    expect(fatals).toEqual([]);
  });

  test("a client that does not come to an end is cut off", () => {
    const { world, server, connect, ask } = makeSite();
    const silent = connect();
    const slow = connect();
    slow.send(Buffer.from("GET / HT"));
    world.clock.advance(9000);
    slow.send(Buffer.from("TP/1.1"));
    world.clock.advance(2000);
    expect([silent.isClosed, slow.isClosed]).toEqual([true, true]);
    const idle = ask("GET / HTTP/1.1");
    world.clock.advance(140_000);
    expect(idle.isClosed).toBe(false);
    world.clock.advance(20_000);
    expect(idle.isClosed).toBe(true);
    expect(server.connectionCount).toBe(0);
  });

  test("of one that does not read, one piece is made and no more", () => {
    let made = 0;
    const pieces = function* () {
      for (; made < 1000; made++) yield "x".repeat(64 * 1024);
    };
    const { world, connect } = makeSite(() => {
      return { status: 200, contentType: "text/plain", pieces: pieces() };
    });
    const client = connect();
    client.socket.pause();
    client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    world.clock.advance(1000);
    expect(made).toBeLessThan(8);
    client.socket.resume();
    world.clock.advance(1000);
    expect(made).toBe(1000);
    client.socket.pause();
    made = 0;
    client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    world.clock.advance(31_000);
    client.socket.resume();
    world.clock.advance(1);
    expect(client.isClosed).toBe(true);
  });

  test("the one that was silent for longest makes room", () => {
    const { server, connect, ask, world } = makeSite();
    const first = ask("GET /first HTTP/1.1");
    const others = Array.from({ length: CONNECTIONS_MAX - 1 }, () => connect());
    first.send(Buffer.from("GET /again HTTP/1.1\r\n\r\n"));
    world.clock.advance(1);
    connect();
    world.clock.advance(1);
    expect(server.connectionCount).toBe(CONNECTIONS_MAX);
    expect([first.isClosed, others[0]!.isClosed]).toEqual([false, true]);
  });
});
