/**
 * Which lines of which parts of the program are written; may change while it runs (KIP-412).
 *
 *   root            INFO      everything that has no level of its own
 *   partition       -         as root
 *   partition.log   DEBUG     its own; holds for partition.log.x too
 *
 * Names and levels are as Kafka's tools speak of them.
 */
import type { Logger } from "./logger.ts";

export const ROOT_LOGGER = "root";

/** From the most lines to the fewest. */
export const LOG_LEVEL_NAMES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
export type LogLevelName = (typeof LOG_LEVEL_NAMES)[number];

export class LogLevels {
  #root: LogLevelName;
  /** By the name of every logger there is; null where it has no level of its own. */
  readonly #own = new Map<string, LogLevelName | null>();
  /** Grows with every change: loggers then look up their level again. */
  #changeCount = 0;

  constructor(root: LogLevelName) {
    this.#root = root;
  }

  get changeCount(): number {
    return this.#changeCount;
  }

  /** A logger with this name exists from now on. */
  add(name: string): void {
    if (!this.#own.has(name)) this.#own.set(name, null);
  }

  has(name: string): boolean {
    return name === ROOT_LOGGER || this.#own.has(name);
  }

  /** Every logger with the level that holds for it. */
  all(): Map<string, LogLevelName> {
    const levels = new Map<string, LogLevelName>([[ROOT_LOGGER, this.#root]]);
    for (const name of this.#own.keys()) levels.set(name, this.of(name));
    return levels;
  }

  of(name: string): LogLevelName {
    for (let path = name; path !== ""; path = path.slice(0, Math.max(path.lastIndexOf("."), 0))) {
      const own = this.#own.get(path);
      if (own !== undefined && own !== null) return own;
    }
    return this.#root;
  }

  /** Null takes a logger's own level away; the root always has one. */
  set(name: string, level: LogLevelName | null): void {
    if (name !== ROOT_LOGGER) this.#own.set(name, level);
    else if (level !== null) this.#root = level;
    this.#changeCount++;
  }
}

/** Writes to `lines` what the levels let through. `lines` itself must hold nothing back. */
export function leveledLogger(lines: Logger, levels: LogLevels): Logger {
  return new LeveledLogger(lines, levels, "");
}

const RANKS = { DEBUG: rankOf("DEBUG"), INFO: rankOf("INFO"), WARN: rankOf("WARN") };
const ERROR_RANK = rankOf("ERROR");

class LeveledLogger implements Logger {
  readonly #lines: Logger;
  readonly #levels: LogLevels;
  readonly #name: string;
  #rankMin = 0;
  #changeCount = -1;

  constructor(lines: Logger, levels: LogLevels, name: string) {
    this.#lines = lines;
    this.#levels = levels;
    this.#name = name;
    if (name !== "") levels.add(name);
  }

  debug(message: string): void {
    if (this.#lets(RANKS.DEBUG)) this.#lines.debug(message);
  }

  info(message: string): void {
    if (this.#lets(RANKS.INFO)) this.#lines.info(message);
  }

  warn(message: string): void {
    if (this.#lets(RANKS.WARN)) this.#lines.warn(message);
  }

  error(message: string): void {
    if (this.#lets(ERROR_RANK)) this.#lines.error(message);
  }

  child(name: string): Logger {
    const path = this.#name === "" ? name : `${this.#name}.${name}`;
    return new LeveledLogger(this.#lines.child(name), this.#levels, path);
  }

  #lets(rank: number): boolean {
    if (this.#changeCount !== this.#levels.changeCount) {
      this.#changeCount = this.#levels.changeCount;
      this.#rankMin = rankOf(this.#levels.of(this.#name));
    }
    return rank >= this.#rankMin;
  }
}

function rankOf(level: LogLevelName): number {
  return LOG_LEVEL_NAMES.indexOf(level);
}
