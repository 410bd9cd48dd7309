/** What every command is: a row of a table, with its code loaded when it is called. */
import type { World } from "../base/world.ts";
import type { Console } from "./console.ts";

export interface CommandContext {
  readonly console: Console;
  /** Made when a command asks for it. */
  world(): Promise<World>;
}

/** Resolves to the exit code. */
export type RunCommand = (words: readonly string[], context: CommandContext) => Promise<number>;

export interface CommandRow {
  readonly name: string;
  readonly about: string;
  /** Commands load only what they need, so that a broker starts fast. */
  load(): Promise<RunCommand>;
}

/** A command cannot do what it was asked for; the message is one line. */
export class CommandFailure extends Error {}
