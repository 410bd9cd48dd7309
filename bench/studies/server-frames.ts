/**
 * What the server costs without what is behind it: requests of one frame, answered at once with a
 * small body, over loopback.
 *
 *   bun bench/studies/server-frames.ts [--size BYTES]
 *
 * The server runs in a process of its own, and the CPU time is its own. Clients send prepared bytes
 * and count bytes. "bare" answers each chunk with as many prepared bytes and no frame is looked at:
 * the price of Bun and of the kernel, below which no server gets.
 */
import { parseArgs } from "node:util";
import type { RequestHandler } from "../../src/api/request.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import type { Socket } from "../../src/base/world.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import { linesOf } from "../../test/process-lines.ts";

interface Row {
  readonly kind: "server" | "later" | "bare";
  readonly connections: number;
  readonly depth: number;
  readonly requestSize: number;
}

const RESPONSE_SIZE = 38;
const ROUND_MS = 2000;
const ROWS: Row[] = [];
for (const [connections, depth, requestSize] of [
  [1, 1, 64],
  [1, 16, 64],
  [16, 1, 64],
  [16, 16, 64],
  [4, 1, 16_384],
  [4, 8, 16_384],
  [4, 2, 1_048_576],
] as const) {
  for (const kind of ["bare", "server", "later"] as const) {
    ROWS.push({ kind, connections, depth, requestSize });
  }
}

const { values } = parseArgs({ options: { serve: { type: "string" }, size: { type: "string" } } });
if (values.serve !== undefined) serve(ROWS[Number(values.serve)]!);
else await measureAll();

async function measureAll(): Promise<void> {
  console.log("kind    connections  depth  request   requests/s  server CPU us/request");
  for (const [index, row] of ROWS.entries()) {
    if (values.size !== undefined && row.requestSize !== Number(values.size)) continue;
    const command = [process.execPath, import.meta.path, "--serve", String(index)];
    const child = Bun.spawn(command, { stdout: "pipe", stdin: "pipe" });
    const lines = linesOf(child.stdout);
    const number = async () => Number((await lines.next()).value);
    const port = await number();
    await load(port, row, 300);
    child.stdin.write("cpu\n");
    const before = await number();
    const count = await load(port, row, ROUND_MS);
    child.stdin.write("cpu\n");
    const cpuUs = (await number()) - before;
    child.kill();
    const { kind, connections, depth, requestSize } = row;
    const perSecond = Math.round((count * 1000) / ROUND_MS);
    console.log(
      kind.padEnd(8) +
        [connections, depth, requestSize, perSecond, (cpuUs / count).toFixed(2)]
          .map((cell, column) => String(cell).padStart([11, 7, 9, 13, 16][column]!))
          .join(""),
    );
  }
}

/** Keeps every connection busy for so long; returns how many answers came. */
async function load(port: number, row: Row, roundMs: number): Promise<number> {
  const one = Buffer.alloc(row.requestSize);
  one.writeInt32BE(row.requestSize - 4, 0);
  one.writeInt16BE(-1, 12);
  const batch = Buffer.concat(Array.from({ length: row.depth }, () => one));
  const batchResponse = RESPONSE_SIZE * row.depth;
  let count = 0;
  const network = realNetwork();
  const sockets: Socket[] = [];
  for (let index = 0; index < row.connections; index++) {
    let received = 0;
    let unsentFrom = batch.length;
    const send = (from: number) => {
      const taken = sockets[index]!.write(batch, from, batch.length - from);
      unsentFrom = taken === -1 ? batch.length : from + taken;
    };
    const socket = await network.connect("127.0.0.1", port, {
      data(chunk) {
        received += chunk.length;
        if (received < batchResponse) return;
        received -= batchResponse;
        count += row.depth;
        send(0);
      },
      drain: () => unsentFrom < batch.length && send(unsentFrom),
      end() {},
      close() {},
    });
    sockets.push(socket);
    if (row.kind !== "bare") {
      // A stranger may not send large frames.
      const hello = Buffer.alloc(14);
      hello.writeInt32BE(10, 0);
      hello.writeInt16BE(-1, 12);
      received = -RESPONSE_SIZE;
      socket.write(hello, 0, hello.length);
    }
    send(0);
  }
  await Bun.sleep(roundMs);
  const counted = count;
  for (const socket of sockets) socket.terminate();
  return counted;
}

function serve(row: Row): void {
  console.log(row.kind === "bare" ? serveBare(row) : serveFrames(row));
  process.stdin.on("data", () => {
    const { user, system } = process.cpuUsage();
    console.log(user + system);
  });
}

function serveFrames({ kind }: Row): number {
  const response = { flexibleHeader: false, parts: [Buffer.alloc(RESPONSE_SIZE - 8)] };
  const handler: RequestHandler = {
    requestHeaderVersion: () => 1,
    mayOverlap: () => true,
    handle: () => (kind === "later" ? Promise.resolve(response) : response),
  };
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
  server.start([{ name: "PLAINTEXT", host: "127.0.0.1", port: 0, handler }]);
  return server.port("PLAINTEXT");
}

/** Answers bytes with bytes. */
function serveBare({ depth, requestSize }: Row): number {
  const response = Buffer.alloc(RESPONSE_SIZE * depth);
  const listener = realNetwork().listen("127.0.0.1", 0, (socket) => {
    let received = 0;
    return {
      data(chunk) {
        received += chunk.length;
        const whole = Math.floor(received / requestSize);
        received -= whole * requestSize;
        if (whole > 0) socket.write(response, 0, RESPONSE_SIZE * whole);
      },
      drain() {},
      end() {},
      close() {},
    };
  });
  return listener.port;
}
