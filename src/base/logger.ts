/** Log lines: one line a message, with time, level and the part that speaks. */
import type { Clock } from "./world.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** The same log, spoken to by a part named `name`. */
  child(name: string): Logger;
}

/** `write` gets whole lines, without their end. */
export function createLogger(
  clock: Clock,
  levelMin: LogLevel,
  write: (line: string) => void,
): Logger {
  return new LineLogger(clock, RANKS[levelMin], write, "");
}

/** Swallows everything. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

const RANKS: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

class LineLogger implements Logger {
  constructor(
    readonly clock: Clock,
    readonly rankMin: number,
    readonly write: (line: string) => void,
    readonly name: string,
  ) {}

  debug(message: string): void {
    if (this.rankMin <= RANKS.debug) this.#line("DEBUG", message);
  }

  info(message: string): void {
    if (this.rankMin <= RANKS.info) this.#line("INFO", message);
  }

  warn(message: string): void {
    if (this.rankMin <= RANKS.warn) this.#line("WARN", message);
  }

  error(message: string): void {
    this.#line("ERROR", message);
  }

  child(name: string): Logger {
    const path = this.name === "" ? name : `${this.name}.${name}`;
    return new LineLogger(this.clock, this.rankMin, this.write, path);
  }

  #line(level: string, message: string): void {
    const time = new Date(this.clock.wallMs()).toISOString();
    const who = this.name === "" ? "" : `${this.name}: `;
    this.write(`${time} ${level.padEnd(5)} ${who}${onOneLine(message)}`);
  }
}

/** What a client sent may be in a message: it shall not forge a line or steer a terminal. */
function onOneLine(message: string): string {
  if (!CONTROLS.test(message)) return message;
  return message.replace(ALL_CONTROLS, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const ALL_CONTROLS = new RegExp(CONTROLS.source, "g");
