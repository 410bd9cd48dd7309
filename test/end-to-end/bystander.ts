/**
 * Somebody who wants nothing but to produce a record and read it again, over and over, while others
 * crowd the broker: a process of its own, so that it measures the broker and not the crowd.
 *
 *   using bystander = await Bystander.start(port);
 *   ...
 *   const { count, slowestMs } = await bystander.stop();
 */
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { baseOffset } from "../../src/protocol/record-batch.ts";
import { Connection, createTopic, expectNone, fetchOnce, produceBatch } from "./client.ts";

const TOPIC = "bystander";
const PAUSE_MS = 5;

export interface Service {
  /** Round trips: a produce and a fetch of what it wrote. */
  readonly count: number;
  readonly slowestMs: number;
}

export class Bystander {
  readonly #child: ReturnType<typeof spawn>;
  readonly #output: AsyncIterator<Uint8Array>;

  /** Resolves when it has been served once. */
  static async start(port: number): Promise<Bystander> {
    const bystander = new Bystander(port);
    await bystander.#output.next();
    return bystander;
  }

  private constructor(port: number) {
    this.#child = spawn(port);
    this.#output = this.#child.stdout[Symbol.asyncIterator]();
  }

  /** Rejects if it was refused anything. */
  async stop(): Promise<Service> {
    this.#child.stdin.write("stop\n");
    await this.#child.stdin.end();
    const { value } = await this.#output.next();
    if ((await this.#child.exited) !== 0) throw new Error("the bystander was not served");
    return JSON.parse(Buffer.from(value as Uint8Array).toString()) as Service;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

function spawn(port: number) {
  const command = [process.execPath, import.meta.path, String(port)];
  return Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

async function live(port: number): Promise<void> {
  let isStopped = false;
  process.stdin.once("data", () => (isStopped = true));
  using connection = await Connection.open(port);
  await createTopic(connection, TOPIC);
  let count = 0;
  let slowestMs = 0;
  do {
    const fromMs = performance.now();
    const records = [{ timestamp: Date.now(), key: null, value: Buffer.from(`value ${count}`) }];
    const produced = await produceBatch(connection, TOPIC, 0, buildBatch({ records }));
    expectNone("produce", produced.errorCode);
    const fetched = await fetchOnce(connection, TOPIC, 0, count);
    expectNone("fetch", fetched.errorCode);
    if (produced.baseOffset !== count || baseOffset(fetched.records!, 0) !== count) {
      throw new Error(`record ${count} is not where it belongs`);
    }
    slowestMs = Math.max(slowestMs, performance.now() - fromMs);
    if (count++ === 0) process.stdout.write("\n");
    await Bun.sleep(PAUSE_MS);
  } while (!isStopped);
  console.log(JSON.stringify({ count, slowestMs }));
}

if (import.meta.main) {
  await live(Number(process.argv[2]));
  process.exit(0);
}
