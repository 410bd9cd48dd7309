/** Programs of Apache Kafka's that write, read and compare while nodes die. */
import { join } from "node:path";
import type { Json } from "../../harness/outcome.ts";
import { JavaProgram } from "../java-program.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  partitionsOf,
  readAll,
  until,
  untilAllInSync,
  writeFile,
} from "./context.ts";

const TOOLS = "org.apache.kafka.tools.";
/** More than there is time for: it is stopped when all has happened. */
const RECORDS = 1_000_000;
const PER_SECOND = 200;

/** Whatever was acknowledged is read, once, by whoever reads, though each node dies once. */
export async function verifiable(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "verified", "1:2:3,2:3:1", { "min.insync.replicas": "2" });
  const producer = startProducer(context, "verified", RECORDS);
  const consumer = startConsumer(context, "verified");
  try {
    for (const id of [1, 2, 3]) {
      const count = producer.named("producer_send_success").length;
      await until("some are written", () => written(producer) > count + PER_SECOND);
      await cluster.node(id).kill();
      await until("more are written", () => written(producer) > count + 2 * PER_SECOND);
      await cluster.node(id).start();
      await untilAllInSync(context, "verified");
    }
    const code = await producer.stop();
    const acknowledged = producer.named("producer_send_success").map(({ value }) => String(value));
    const there = [
      ...(await readAll(context, "verified", 0)),
      ...(await readAll(context, "verified", 1)),
    ];
    await until("all are read", () => consumed(consumer) >= there.length);
    return {
      code,
      acknowledged: acknowledged.length > 0,
      errors: producer.named("producer_send_error").length,
      lost: acknowledged.filter((value) => !new Set(there).has(value)).length,
      doubled: there.length - new Set(there).size,
      "all consumed": consumed(consumer) === there.length,
    };
  } finally {
    await producer.kill();
    await consumer.kill();
  }
}

/** Replicas are the same, byte for byte, as the tool sees it that reads them all. */
export async function replicaVerification(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "compared", "1:2:3,3:1:2");
  await feed(context, "compared", 0, numbered(300));
  await feed(context, "compared", 1, numbered(300));
  const errors = join(context.folder, "verification.log");
  const words = ["--broker-list", cluster.bootstrap, "--topics-include", "compared"];
  const program = new JavaProgram(
    `${TOOLS}ReplicaVerificationTool`,
    [...words, "--report-interval-ms", "500", "--time", "-2"],
    errors,
  );
  try {
    const reports = (): string[] => program.lines.filter((line) => line.includes("max lag is"));
    await until("three reports", () => reports().length >= 3);
    const lags = reports().map((line) => Number(/max lag is (\d+)/.exec(line)?.[1]));
    const complaints = program.lines.filter((line) => /mismatch|different|checksum/i.test(line));
    return { lag: lags.at(-1) ?? null, complaints: complaints.length };
  } finally {
    await program.kill();
  }
}

/** Copies exactly once from one topic to another, while nodes die under it, and it under them. */
export async function copier(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "copy-in", "2:3:1");
  await makeTopic(context, "copy-out", "3:1:2");
  const values = numbered(2000);
  await feed(context, "copy-in", 0, values);
  let code = -1;
  for (let life = 0; life < 4; life++) {
    const program = startCopier(context);
    const before = (await readAll(context, "copy-out", 0)).length;
    if (life === 3) {
      code = await program.ended;
      break;
    }
    await until("progress", async () => {
      const now = await readAll(context, "copy-out", 0);
      return now.length > before + 20 || now.length === values.length;
    });
    const [{ leader = 1 } = {}] = await partitionsOf(context, life === 1 ? "copy-in" : "copy-out");
    const node = cluster.node(life === 2 ? 1 : (leader ?? 1));
    await node.kill();
    await until("progress without it", async () => {
      const now = await readAll(context, "copy-out", 0);
      return now.length > before + 60 || now.length === values.length;
    });
    if (life !== 2) await program.kill();
    await node.start();
    if (life === 2) code = await program.ended;
    if (life === 2) break;
  }
  const output = await readAll(context, "copy-out", 0);
  return { code, count: output.length, same: output.join() === values.join() };
}

function startCopier(context: Context): JavaProgram {
  const words = {
    "--broker-list": context.cluster.bootstrap,
    "--input-topic": "copy-in",
    "--input-partition": "0",
    "--output-topic": "copy-out",
    "--consumer-group": "copiers",
    "--transactional-id": "copier",
    "--transaction-size": "20",
    "--transaction-timeout": "20000",
  };
  const all = [...Object.entries(words).flat(), "--enable-random-aborts", "--use-group-metadata"];
  const errors = join(context.folder, "copier.log");
  return new JavaProgram(`${TOOLS}TransactionalMessageCopier`, all, errors);
}

function startProducer(context: Context, topic: string, count: number): JavaProgram {
  // The tool sets no retries, for tests of errors: careful producers have them.
  const config = writeFile(
    context,
    "producer.properties",
    "retries=2147483647\nenable.idempotence=true\ndelivery.timeout.ms=120000\n",
  );
  const words = {
    "--bootstrap-server": context.cluster.bootstrap,
    "--topic": topic,
    "--max-messages": String(count),
    "--throughput": String(PER_SECOND),
    "--acks": "-1",
    "--command-config": config,
  };
  const errors = join(context.folder, "producer.log");
  return new JavaProgram(`${TOOLS}VerifiableProducer`, Object.entries(words).flat(), errors);
}

function startConsumer(context: Context, topic: string): JavaProgram {
  const words = {
    "--bootstrap-server": context.cluster.bootstrap,
    "--topic": topic,
    "--group-id": "verifiers",
    "--reset-policy": "earliest",
  };
  const errors = join(context.folder, "consumer.log");
  const all = [...Object.entries(words).flat(), "--verbose"];
  return new JavaProgram(`${TOOLS}VerifiableConsumer`, all, errors);
}

function written(producer: JavaProgram): number {
  return producer.named("producer_send_success").length;
}

function consumed(consumer: JavaProgram): number {
  return new Set(consumer.named("record_data").map(({ value }) => String(value))).size;
}
