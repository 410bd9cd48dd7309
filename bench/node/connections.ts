/**
 * Memory of connections that nobody uses: 5,000 of them, each of which has asked for the versions of
 * the broker once, as every client does.
 */
import { join } from "node:path";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { frameOf, RawConnection } from "../kit/raw-connection.ts";
import { type Figure, megabytes, milliseconds, type SectionOptions } from "./figure.ts";
import { memoryOf, openFileCount } from "../contenders/process-figures.ts";
import { startNode } from "./node-process.ts";

const CONNECTIONS = 5000;
/** Connections that are made at the same time. */
const WIDTH = 50;
const SETTLE_MS = 5000;

export async function* connections({ folder }: SectionOptions): AsyncGenerator<Figure> {
  const node = startNode(join(folder, "data"));
  await node.ready;
  const frame = frameOf(apiVersions, 2, {});
  // The first one has the broker load what they all need.
  const open: RawConnection[] = [await greet(node.port, frame)];
  await Bun.sleep(SETTLE_MS);
  const before = memoryOf(node.pid);
  const fromMs = performance.now();
  while (open.length < CONNECTIONS) {
    open.push(...(await Promise.all(Array.from({ length: WIDTH }, () => greet(node.port, frame)))));
  }
  const tookMs = performance.now() - fromMs;
  yield {
    name: `${CONNECTIONS} clients connect and ask once in`,
    value: milliseconds(tookMs),
  };
  await Bun.sleep(SETTLE_MS);
  const { residentMegabytes, ownMegabytes } = memoryOf(node.pid);
  const grownKilobytes = (residentMegabytes - before.residentMegabytes) * 1024;
  yield {
    name: `with ${CONNECTIONS} idle connections: resident memory`,
    value: `${megabytes(residentMegabytes)}, ${megabytes(ownMegabytes)} its own`,
  };
  yield {
    name: "memory of one",
    value: `${(grownKilobytes / CONNECTIONS).toFixed(1)} KB`,
  };
  for (const connection of open) connection.close();
  while (openFileCount(node.pid) > CONNECTIONS / 2) await Bun.sleep(10);
  await Bun.sleep(SETTLE_MS);
  yield {
    name: "when they are gone: resident memory",
    value: megabytes(memoryOf(node.pid).residentMegabytes),
  };
  await node.stop();
}

async function greet(port: number, frame: Buffer): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await connection.exchange(frame);
  return connection;
}
