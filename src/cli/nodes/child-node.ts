/**
 * One node as a process of its own: `bunka broker` with the settings of its plan.
 *
 *   start -> ready line -> ... -> ended
 *
 * Its standard input is a pipe from here: when this process is gone, whatever became of it, the
 * node reads the end of it and stops cleanly (see `STOPS_WITH_INPUT`).
 */
import type { Subprocess } from "bun";
import { forEachLine } from "../../base/lines.ts";

export interface ChildOptions {
  readonly id: number;
  /** Behind `bunka broker`. */
  readonly words: readonly string[];
  /** Lines of its standard output, but for the ready line. */
  readonly out: (line: string) => void;
  /** Lines of its log and complaints. */
  readonly error: (line: string) => void;
}

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** In the environment of a node that was started by another process of ours. */
export const STOPS_WITH_INPUT = "BUNKA_STOPS_WITH_INPUT";

const READY = /^Bunka is ready: (\S+) \(/;

export class ChildNode {
  readonly id: number;
  /** Resolves with the addresses of its listeners; never when it ends before. */
  readonly ready: Promise<string>;
  readonly ended: Promise<Ending>;
  readonly #process: Subprocess<"pipe", "pipe", "pipe">;

  constructor({ id, words, out, error }: ChildOptions) {
    this.id = id;
    // A session of its own: an interrupt from the keyboard is for this process, which passes it on.
    this.#process = Bun.spawn([process.execPath, Bun.main, "broker", ...words], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
      env: { ...process.env, [STOPS_WITH_INPUT]: "1" },
    });
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ready = promise;
    const read = Promise.all([
      forEachLine(this.#process.stdout, (line) => {
        const listeners = READY.exec(line)?.[1];
        if (listeners === undefined) out(line);
        else resolve(listeners);
      }),
      forEachLine(this.#process.stderr, error),
    ]);
    this.ended = this.#process.exited.then(async () => {
      await read;
      const { exitCode, signalCode } = this.#process;
      return { exitCode, signal: signalCode === null ? null : String(signalCode) };
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGUSR1"): void {
    this.#process.kill(signal);
  }
}
