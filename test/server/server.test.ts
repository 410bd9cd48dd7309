import { afterEach, describe, expect, test } from "bun:test";
import type { Request, RequestHandler, Response } from "../../src/api/request.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(1000);
});

/** Answers every request with its own body. */
const echo: RequestHandler = {
  requestHeaderVersion: () => 1,
  mayOverlap: () => true,
  handle: ({ body }: Request): Response => ({
    flexibleHeader: false,
    parts: [Buffer.from(body.bytes.subarray(body.position, body.position + body.remaining))],
  }),
};

describe("a server on real sockets", () => {
  test("answers pipelined requests in order", async () => {
    const port = startServer(echo);
    const bodies = ["one", "two", "three"];
    const requests = Buffer.concat(bodies.map((body, index) => requestOf(index, body)));
    const wanted = Buffer.concat(bodies.map((body, index) => responseOf(index, body)));
    const received = await exchange(port, requests, wanted.length);
    expect(received.toString("hex")).toBe(wanted.toString("hex"));
  });
});

function startServer(handler: RequestHandler): number {
  const server = new Server({
    clock: realClock(),
    network: realNetwork(),
    limits: DEFAULT_LIMITS,
    logger: silentLogger,
    metrics: new Metrics(),
    fatal: (error) => {
      throw error;
    },
  });
  servers.push(server);
  server.start([{ name: "PLAINTEXT", host: "127.0.0.1", port: 0, handler }]);
  return server.port("PLAINTEXT");
}

function requestOf(correlationId: number, body: string): Buffer {
  const request = Buffer.alloc(14 + body.length);
  request.writeInt32BE(10 + body.length, 0);
  request.writeInt32BE(correlationId, 8);
  request.writeInt16BE(-1, 12);
  request.write(body, 14);
  return request;
}

function responseOf(correlationId: number, body: string): Buffer {
  const response = Buffer.alloc(8 + body.length);
  response.writeInt32BE(4 + body.length, 0);
  response.writeInt32BE(correlationId, 4);
  response.write(body, 8);
  return response;
}

async function exchange(port: number, request: Buffer, responseSize: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  const socket = await realNetwork().connect("127.0.0.1", port, {
    data(chunk) {
      chunks.push(chunk);
      const received = Buffer.concat(chunks);
      if (received.length >= responseSize) resolve(received);
    },
    drain() {},
    end() {},
    close: (reason) => reject(new Error(`closed: ${reason}`)),
  });
  socket.write(request, 0, request.length);
  const received = await promise;
  socket.terminate();
  return received;
}
