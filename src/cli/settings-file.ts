/** Settings as a person gives them: a .properties file and `--override name=value`. */
import { PropertiesError, parseProperties } from "../base/properties.ts";
import type { Disk } from "../base/world.ts";
import { UsageError } from "./arguments.ts";
import { CommandFailure } from "./command.ts";

export function readSettingsFile(disk: Disk, path: string): Map<string, string> {
  if (disk.status(path)?.isDirectory !== false) throw new CommandFailure(`No such file: ${path}`);
  try {
    return parseProperties(disk.readWhole(path));
  } catch (error) {
    if (error instanceof PropertiesError) throw new CommandFailure(`${path}: ${error.message}`);
    throw error;
  }
}

/** Each `name=value`; the last of a name counts. */
export function parseOverrides(overrides: readonly string[]): Map<string, string> {
  const settings = new Map<string, string>();
  for (const override of overrides) {
    const equals = override.indexOf("=");
    if (equals <= 0) throw new UsageError(`--override takes NAME=VALUE, not '${override}'`);
    settings.set(override.slice(0, equals).trim(), override.slice(equals + 1));
  }
  return settings;
}
