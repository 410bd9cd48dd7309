/** The one table of commands, and what is not a command. */
import { DiskError } from "../base/world.ts";
import { UsageError, tableLines } from "./arguments.ts";
import { CommandFailure, type CommandContext, type CommandRow } from "./command.ts";

export const COMMANDS: readonly CommandRow[] = [
  {
    name: "broker",
    about: "Run a broker: broker [FILE.properties] [--override NAME=VALUE]...",
    load: async () => (await import("./broker.ts")).runBroker,
  },
  {
    name: "storage",
    about: "Prepare log directories, and look at them",
    load: async () => (await import("./storage.ts")).runStorage,
  },
];

/** Resolves to the exit code. Refusals are one line on standard error. */
export async function run(words: readonly string[], context: CommandContext): Promise<number> {
  const [name = "", ...rest] = words;
  const { console } = context;
  if (["", "help", "--help", "-h"].includes(name)) {
    for (const line of helpLines()) console.out(line);
    return name === "" ? 1 : 0;
  }
  if (name === "version" || name === "--version") {
    const { version } = await import("../../package.json");
    console.out(`bunka ${version}, as Apache Kafka 4.3.1`);
    return 0;
  }
  const command = COMMANDS.find((row) => row.name === name);
  if (command === undefined) {
    const known = COMMANDS.map((row) => row.name).join(", ");
    console.error(`bunka: no command ${name}, only ${known}, help and version`);
    return 1;
  }
  try {
    const runCommand = await command.load();
    return await runCommand(rest, context);
  } catch (error) {
    const complaint = await complaintOf(error, name);
    if (complaint === null) throw error;
    console.error(complaint);
    return 1;
  }
}

function helpLines(): string[] {
  const rows = COMMANDS.map(({ name, about }): [string, string] => [name, about]);
  return [
    "usage: bunka COMMAND ...",
    "",
    "A complete Apache Kafka broker.",
    "",
    ...tableLines([
      ...rows,
      ["help", "Say this; COMMAND --help says more"],
      ["version", "Say which version this is"],
    ]),
  ];
}

/** One line for what a person can mend; null for what is a fault of the program. */
async function complaintOf(error: unknown, name: string): Promise<string | null> {
  if (error instanceof UsageError) return `bunka ${name}: ${error.message} (--help says more)`;
  if (error instanceof CommandFailure || error instanceof DiskError) return error.message;
  const { SettingError } = await import("../broker/settings/setting-error.ts");
  return error instanceof SettingError ? error.message : null;
}
