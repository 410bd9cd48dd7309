/**
 * The same raw requests to Apache Kafka 4.3.1 and to Bunka, each as a process of its own: prints
 * where the answers differ.
 *
 *   bun test/compat/api-differences.ts [--target bunka|kafka|both] [--record] [--show] [NAME]...
 *
 * `--record` writes what Kafka answered to test/api/recorded/, which the tests of test/api hold
 * Bunka to without a Kafka; `--show` prints all answers.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Asker, type Connection, type Line, type Scenario, type Step } from "../api/asker.ts";
import { SCENARIOS } from "../api/scenarios/index.ts";
import { installJavaDrivers } from "./harness/install.ts";
import { startTarget, type TargetKind } from "./harness/target.ts";

const ANSWER_DEADLINE_MS = 5000;
const RECORDED = resolve(import.meta.dir, "../api/recorded");

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "both" },
    record: { type: "boolean", default: false },
    show: { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = SCENARIOS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  if (options.target !== "bunka") await installJavaDrivers();
  let differing = 0;
  for (const scenario of chosen) {
    const recorded =
      options.target === "bunka" ? recordedOf(scenario) : await stepsOf("kafka", scenario);
    if (options.record) writeFileSync(fileOf(scenario), printed(recorded));
    const kafka = scenario.expected?.(recorded) ?? recorded;
    const isKafkaAlone = options.target === "kafka" || scenario.isRefusedAtStart === true;
    const bunka = isKafkaAlone ? kafka : await stepsOf("bunka", scenario);
    if (options.show) console.log(printed(options.target === "kafka" ? kafka : bunka));
    const count = printDifferences(scenario.name, kafka, bunka);
    console.log(`${scenario.name}: ${kafka.length} answers, ${count} differ`);
    differing += count;
  }
  return differing === 0 ? 0 : 1;
}

function fileOf({ name }: Scenario): string {
  return join(RECORDED, `${name}.json`);
}

function recordedOf(scenario: Scenario): Step[] {
  if (!existsSync(fileOf(scenario))) throw new Error(`${scenario.name} was never recorded`);
  return JSON.parse(readFileSync(fileOf(scenario), "utf8")) as Step[];
}

/** One step a line. */
function printed(steps: readonly Step[]): string {
  return `[\n${steps.map((step) => JSON.stringify(step)).join(",\n")}\n]\n`;
}

async function stepsOf(kind: TargetKind, scenario: Scenario): Promise<Step[]> {
  const folder = mkdtempSync(join(tmpdir(), "bunka-api-"));
  try {
    return await runIn(folder, kind, scenario);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, kind: TargetKind, scenario: Scenario): Promise<Step[]> {
  const target = await startTarget(kind, folder, scenario.settings ?? {});
  try {
    const properties = readFileSync(join(folder, "server.properties"), "utf8");
    const ports = [...properties.matchAll(/^listeners=.*:(\d+),.*:(\d+)$/gm)][0];
    const line = lineTo([Number(ports?.[1]), Number(ports?.[2])], target.dataDirectory);
    const asker = new Asker(line);
    await scenario.run(asker);
    return asker.steps;
  } catch (error) {
    console.log(readFileSync(target.logFile, "utf8").slice(-3000));
    throw error;
  } finally {
    await target.stop();
  }
}

function lineTo(ports: readonly [number, number], dataDirectory: string): Line {
  return {
    ports,
    dataDirectory,
    sleep: (delayMs) => Bun.sleep(delayMs),
    connect: (listener) => connectTo(ports[listener === "broker" ? 0 : 1]),
  };
}

/** One request at a time. */
async function connectTo(port: number): Promise<Connection> {
  let received = Buffer.alloc(0);
  let answer: ((frame: Buffer | null) => void) | null = null;
  let isClosed = false;
  const close = (): void => {
    isClosed = true;
    answer?.(null);
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        received = Buffer.concat([received, chunk]);
        if (received.length < 4 || received.length < 4 + received.readInt32BE()) return;
        const frame = received.subarray(4, 4 + received.readInt32BE());
        received = received.subarray(4 + frame.length);
        answer?.(frame);
      },
      close,
      error: close,
    },
  });
  return {
    async exchange(frame) {
      if (isClosed) return null;
      const { promise, resolve: settle } = Promise.withResolvers<Buffer | null>();
      answer = settle;
      const size = Buffer.alloc(4);
      size.writeInt32BE(frame.length);
      const bytes = Buffer.concat([size, frame]);
      for (let sent = 0; sent < bytes.length && !isClosed;) {
        sent += Math.max(socket.write(bytes.subarray(sent)), 0);
        if (sent < bytes.length) await Bun.sleep(1);
      }
      const timer = setTimeout(() => socket.terminate(), ANSWER_DEADLINE_MS);
      return promise.finally(() => clearTimeout(timer));
    },
  };
}

function printDifferences(name: string, kafka: readonly Step[], bunka: readonly Step[]): number {
  let count = 0;
  for (let index = 0; index < Math.max(kafka.length, bunka.length); index++) {
    const [expected, actual] = [kafka[index], bunka[index]];
    if (JSON.stringify(expected) === JSON.stringify(actual)) continue;
    count++;
    console.log(`--- ${name}, answer ${index + 1}: ${expected?.ask ?? actual?.ask}`);
    console.log(`    asked  ${JSON.stringify(expected?.request ?? actual?.request)}`);
    console.log(`    kafka  ${JSON.stringify(expected?.response)}`);
    console.log(`    bunka  ${JSON.stringify(actual?.response)}`);
  }
  return count;
}
