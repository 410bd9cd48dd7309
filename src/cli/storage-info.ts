/** `storage info`: which log directories there are, and whose they are. */
import type { Disk } from "../base/world.ts";
import { allDirectories } from "../broker/settings/effective.ts";
import { checkTogether } from "../broker/settings/cross-checks.ts";
import { Settings } from "../broker/settings/settings.ts";
import {
  META_PROPERTIES,
  MetaPropertiesError,
  entriesOf,
  parseMetaProperties,
  type MetaProperties,
} from "../log/meta-properties.ts";
import type { Arguments, CommandLine, Flag } from "./arguments.ts";
import type { CommandContext } from "./command.ts";
import { readSettingsFile } from "./settings-file.ts";

export const CONFIG: Flag = {
  long: "--config",
  short: "-c",
  value: "FILE",
  isRequired: true,
  about: "The file with the settings of the node.",
};

export const INFO_LINE: CommandLine = { flags: [CONFIG] };

export async function printInfo(
  given: Arguments,
  { console, world }: CommandContext,
): Promise<number> {
  const { disk } = await world();
  const settings = new Settings(readSettingsFile(disk, given.value(CONFIG) ?? ""));
  checkTogether(settings);
  const { found, first, problems } = inspect(disk, allDirectories(settings));
  const section = (title: string, lines: readonly string[]) => {
    for (const line of [title, ...lines.map((line) => `  ${line}`), ""]) console.out(line);
  };
  if (found.length > 0) {
    section(found.length === 1 ? "Found log directory:" : "Found log directories:", found);
  }
  if (first !== null) {
    const entries = entriesOf(first).map((entry) => entry.join("="));
    section(`Found metadata: {${entries.sort().join(", ")}}`, []);
  }
  if (problems.length === 0) return 0;
  section(problems.length === 1 ? "Found problem:" : "Found problems:", problems);
  return 1;
}

interface Inspection {
  readonly found: readonly string[];
  /** Of the first directory that has them. */
  readonly first: MetaProperties | null;
  readonly problems: readonly string[];
}

function inspect(disk: Disk, directories: readonly string[]): Inspection {
  const found: string[] = [];
  const problems: string[] = [];
  let first: MetaProperties | null = null;
  for (const directory of directories) {
    const status = disk.status(directory);
    if (status === null) problems.push(`${directory} does not exist`);
    else if (!status.isDirectory) problems.push(`${directory} is not a directory`);
    if (status?.isDirectory !== true) continue;
    found.push(directory);
    const path = `${directory}/${META_PROPERTIES}`;
    if (disk.status(path) === null) {
      problems.push(`${directory} is not formatted.`);
      continue;
    }
    const properties = readable(disk, path);
    if (typeof properties === "string") problems.push(`Error loading ${path}: ${properties}`);
    else if (first === null) first = properties;
    else problems.push(...differences(first, properties));
  }
  if (first?.version === 0) {
    problems.push("The log directories are formatted for a cluster with ZooKeeper.");
  }
  return { found, first, problems };
}

/** Why it cannot be read, where it cannot. */
function readable(disk: Disk, path: string): MetaProperties | string {
  try {
    return parseMetaProperties(disk.readWhole(path));
  } catch (error) {
    if (error instanceof MetaPropertiesError) return error.message;
    throw error;
  }
}

function differences(first: MetaProperties, other: MetaProperties): string[] {
  if (first.clusterId !== other.clusterId) {
    return ["Mismatched cluster IDs between storage directories."];
  }
  if (first.nodeId === other.nodeId) return [];
  return ["Mismatched node IDs between storage directories."];
}
