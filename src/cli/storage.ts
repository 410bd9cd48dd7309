/** `storage`: what kafka-storage.sh does, with its flags, its answers and its exit codes. */
import { randomUuid } from "../base/uuid.ts";
import { HELP, UsageError, helpLines, parseArguments, tableLines } from "./arguments.ts";
import type { Arguments, CommandLine } from "./arguments.ts";
import type { CommandContext } from "./command.ts";
import { FORMAT_LINE, formatStorage } from "./storage-format.ts";
import {
  DEPENDENCIES_LINE,
  MAPPING_LINE,
  printDependencies,
  printMapping,
} from "./storage-features.ts";
import { INFO_LINE, printInfo } from "./storage-info.ts";

interface StorageCommand {
  readonly name: string;
  readonly about: string;
  readonly line: CommandLine;
  run(given: Arguments, context: CommandContext): Promise<number>;
}

const STORAGE_COMMANDS: readonly StorageCommand[] = [
  {
    name: "info",
    about: "Say what the log directories of this node hold.",
    line: INFO_LINE,
    run: printInfo,
  },
  {
    name: "format",
    about: "Prepare the log directories of this node.",
    line: FORMAT_LINE,
    run: formatStorage,
  },
  {
    name: "version-mapping",
    about: "Say which level of each feature goes with a release.",
    line: MAPPING_LINE,
    run: printMapping,
  },
  {
    name: "feature-dependencies",
    about: "Say what the level of a feature needs.",
    line: DEPENDENCIES_LINE,
    run: printDependencies,
  },
  {
    name: "random-uuid",
    about: "Print a random uuid.",
    line: { flags: [] },
    run: async (_, { console, world }) => {
      console.out(randomUuid((await world()).random));
      return 0;
    },
  },
];

export async function runStorage(
  words: readonly string[],
  context: CommandContext,
): Promise<number> {
  const [name = "", ...rest] = words;
  if (name === "--help" || name === "-h") {
    for (const line of storageHelp()) context.console.out(line);
    return 0;
  }
  const command = STORAGE_COMMANDS.find((row) => row.name === name);
  if (command === undefined) {
    const names = STORAGE_COMMANDS.map((row) => row.name).join(", ");
    throw new UsageError(`${name === "" ? "one" : `no ${name}, but one`} of ${names} is expected`);
  }
  const given = parseArguments(rest, command.line);
  if (!given.has(HELP)) return command.run(given, context);
  for (const line of helpLines(`bunka storage ${name}`, command.about, command.line)) {
    context.console.out(line);
  }
  return 0;
}

function storageHelp(): string[] {
  const rows = STORAGE_COMMANDS.map(({ name, about }): [string, string] => [name, about]);
  return ["usage: bunka storage COMMAND ...", "", ...tableLines(rows)];
}
