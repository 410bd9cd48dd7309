/**
 * A server in a process of its own, for tests that look at its memory: echoes bodies, and answers
 * each line on standard input with its memory, bytes of requests and connections.
 */
import { createLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";

const clock = realClock();
let warnings = 0;
const server = new Server({
  clock,
  network: realNetwork(),
  limits: DEFAULT_LIMITS,
  logger: createLogger(clock, "warn", () => warnings++),
  metrics: new Metrics(),
  fatal: (error) => {
    console.error(error);
    process.exit(3);
  },
});
const handler = {
  requestHeaderVersion: (apiKey: number) => (apiKey === 0 ? 1 : -1),
  mayOverlap: () => true,
  handle: ({ body }: { body: { bytes: Buffer; position: number; remaining: number } }) => ({
    flexibleHeader: false,
    parts: [body.bytes.subarray(body.position, body.position + body.remaining)],
  }),
};
server.start([{ name: "PLAINTEXT", host: "127.0.0.1", port: 0, handler }]);
console.log(server.port("PLAINTEXT"));
process.stdin.on("data", () => {
  Bun.gc(true);
  const { rss, heapUsed } = process.memoryUsage();
  const { connectionCount, requestBytes } = server;
  console.log(JSON.stringify({ rss, heapUsed, connectionCount, requestBytes, warnings }));
});
// Where the test ends without a word: a filter may leave out all that would have ended this one.
process.stdin.on("end", () => process.exit(0));
