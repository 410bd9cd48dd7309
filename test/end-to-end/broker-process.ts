/** The real program as a child process: `bun src/main.ts broker`, or whatever is to be run. */
import { expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { forEachLine } from "../../src/base/lines.ts";

export const ROOT = resolve(import.meta.dir, "../..");
const MAIN = join(ROOT, "src/main.ts");
const READY = /^Bunka is ready: \S*PLAINTEXT:\/\/[^:]+:(\d+)/;
const START_MS_MAX = 30_000;

export type Overrides = Readonly<Record<string, string>>;

export interface StartOptions {
  /** In place of `bun src/main.ts`. */
  readonly command?: readonly string[];
  /** Put before the command: another user, another limit. */
  readonly prefix?: readonly string[];
  readonly logLevel?: string;
}

/** How a process went that was not asked to. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly out: readonly string[];
  /** Lines of standard error: the log, and complaints. */
  readonly lines: readonly string[];
}

/** No line said that it is ready. */
export class NotReadyError extends Error {
  constructor(readonly ending: Ending) {
    super(`the broker did not start: ${ending.exitCode} ${ending.signal}\n${tail(ending.lines)}`);
  }
}

const living = new Set<BrokerProcess>();

/** After a test, whatever came of it. */
export async function killLeftovers(): Promise<void> {
  for (const broker of living) broker.child.kill("SIGKILL");
  await Promise.all([...living].map(({ ended }) => ended));
}

export class BrokerProcess {
  readonly child: ReturnType<typeof spawn>;
  readonly out: string[] = [];
  readonly lines: string[] = [];
  readonly ended: Promise<Ending>;
  port = 0;
  #waits: { readonly pattern: RegExp; readonly resolve: (line: string) => void }[] = [];

  /** Resolves when it is ready; rejects with `NotReadyError` when it ends before. */
  static async start(
    directory: string,
    overrides: Overrides = {},
    options: StartOptions = {},
  ): Promise<BrokerProcess> {
    const broker = new BrokerProcess(brokerWords({ "log.dirs": directory, ...overrides }), options);
    await broker.ready();
    return broker;
  }

  constructor(words: readonly string[], options: StartOptions = {}) {
    this.child = spawn(words, options);
    living.add(this);
    const read = Promise.all([
      forEachLine(this.child.stdout, (line) => this.#said(this.out, line)),
      forEachLine(this.child.stderr, (line) => this.#said(this.lines, line)),
    ]);
    this.ended = this.child.exited.then(async () => {
      await read;
      living.delete(this);
      const { exitCode, signalCode } = this.child;
      const signal = signalCode === null ? null : String(signalCode);
      return { exitCode, signal, out: this.out, lines: this.lines };
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** A line that is there already or comes, on either stream; rejects when the process ends. */
  line(pattern: RegExp): Promise<string> {
    const known = [...this.out, ...this.lines].find((line) => pattern.test(line));
    if (known !== undefined) return Promise.resolve(known);
    const said = new Promise<string>((resolve) => this.#waits.push({ pattern, resolve }));
    const never = this.ended.then((ending) => Promise.reject(new NotReadyError(ending)));
    return Promise.race([said, never]);
  }

  async ready(): Promise<void> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), START_MS_MAX);
    try {
      this.port = Number(READY.exec(await this.line(READY))?.[1]);
    } finally {
      clearTimeout(timer);
    }
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<Ending> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Resident bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  get descriptorCount(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  #said(lines: string[], line: string): void {
    lines.push(line);
    this.#waits = this.#waits.filter(({ pattern, resolve }) => {
      const isIt = pattern.test(line);
      if (isIt) resolve(line);
      return !isIt;
    });
  }
}

/** Runs a broker that is expected to refuse: it must end by itself. */
export async function runToEnd(overrides: Overrides, options: StartOptions = {}): Promise<Ending> {
  const broker = new BrokerProcess(brokerWords(overrides), options);
  const timer = setTimeout(() => broker.child.kill("SIGKILL"), START_MS_MAX);
  const ready = broker.ready().then(
    () => true,
    () => false,
  );
  const isReady = await Promise.race([ready, broker.ended.then(() => false)]);
  if (isReady) await broker.kill();
  clearTimeout(timer);
  return broker.ended;
}

export function brokerWords(overrides: Overrides): string[] {
  const given = { listeners: "PLAINTEXT://127.0.0.1:0", ...overrides };
  return [
    "broker",
    ...Object.entries(given).flatMap(([name, value]) => ["--override", `${name}=${value}`]),
  ];
}

const LOG_LINE = /^\d{4}-\d\d-\d\dT\S+ [A-Z]+ /;

/** Beside lines of the log, one line that says why, and exit code 1. */
export function expectRefusal({ exitCode, signal, out, lines }: Ending, reason: RegExp): void {
  const complaints = lines.filter((line) => !LOG_LINE.test(line));
  expect(complaints.join("\n"), tail(lines)).toMatch(reason);
  expect(complaints, tail(lines)).toHaveLength(1);
  expect({ exitCode, signal, out }).toEqual({ exitCode: 1, signal: null, out: [] });
}

/** A directory of its own, gone when the test is; `BUNKA_KEEP=1` leaves it, to be looked at. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), "bunka-e2e-"));

  remove(): void {
    if (KEEPS) console.error(`kept: ${this.path}`);
    else rmSync(this.path, { recursive: true, force: true });
  }

  /** Nobody needs to look at this part of it. */
  doneWith(path: string): void {
    if (!KEEPS) rmSync(path, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

const KEEPS = process.env["BUNKA_KEEP"] === "1";

function spawn(words: readonly string[], options: StartOptions) {
  const { command = [process.execPath, MAIN], prefix = [], logLevel = "info" } = options;
  const { PATH = "", HOME = "" } = process.env;
  return Bun.spawn([...prefix, ...command, ...words], {
    cwd: ROOT,
    env: { PATH, HOME, BUNKA_LOG_LEVEL: logLevel },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

export function tail(lines: readonly string[], count = 20): string {
  return lines.slice(-count).join("\n");
}
