/** `storage version-mapping` and `storage feature-dependencies`: what goes with what. */
import {
  FEATURES,
  METADATA_LEVEL_PRODUCTION,
  METADATA_VERSION,
  METADATA_VERSIONS,
  defaultLevel,
  metadataVersionNamed,
  metadataVersionOf,
  type MetadataVersion,
} from "../metadata/features.ts";
import type { Arguments, CommandLine, Flag } from "./arguments.ts";
import { CommandFailure, type CommandContext } from "./command.ts";

const RELEASE: Flag = {
  long: "--release-version",
  short: "-r",
  value: "RELEASE",
  about: "The release, as 4.3 or 4.3-IV0; the newest unless given.",
};

const FEATURE: Flag = {
  long: "--feature",
  short: "-f",
  value: "FEATURE=LEVEL",
  isRequired: true,
  isRepeated: true,
  about: "The level of a feature, as group.version=1.",
};

export const MAPPING_LINE: CommandLine = { flags: [RELEASE] };
export const DEPENDENCIES_LINE: CommandLine = { flags: [FEATURE] };

export async function printMapping(given: Arguments, { console }: CommandContext): Promise<number> {
  const release = given.value(RELEASE);
  const version = releaseNamed(release, METADATA_VERSIONS);
  console.out(`${METADATA_VERSION}=${version.level} (${release ?? version.name})`);
  for (const feature of FEATURES.keys()) {
    console.out(`${feature}=${defaultLevel(feature, version.level)}`);
  }
  return 0;
}

export async function printDependencies(
  given: Arguments,
  { console }: CommandContext,
): Promise<number> {
  for (const text of given.values(FEATURE)) {
    for (const line of dependenciesOf(text)) console.out(line);
  }
  return 0;
}

/** The release that a person means, among those that he may choose; the newest for null. */
export function releaseNamed(
  name: string | null,
  choice: readonly MetadataVersion[],
): MetadataVersion {
  const version =
    name === null ? metadataVersionOf(METADATA_LEVEL_PRODUCTION) : metadataVersionNamed(name);
  if (version !== null && choice.includes(version)) return version;
  const known = choice.map((known) => known.name).join(", ");
  throw new CommandFailure(
    `Unknown ${METADATA_VERSION} '${name}'. Supported ${METADATA_VERSION} are: ${known}`,
  );
}

function dependenciesOf(text: string): string[] {
  const [name = "", ...rest] = text.split("=");
  if (rest.length === 0) {
    throw new CommandFailure(`Invalid feature format: ${text}. Expected format: 'feature=version'`);
  }
  const feature = name.trim();
  const level = rest.join("=").trim();
  if (!/^[+-]?\d{1,5}$/.test(level)) {
    throw new CommandFailure(`Invalid version format: ${level} for feature ${feature}`);
  }
  if (feature === METADATA_VERSION) {
    const version = metadataVersionOf(Number(level));
    if (version === null) throw new CommandFailure(`Unknown ${METADATA_VERSION} ${level}`);
    return [`${feature}=${Number(level)} (${version.name}) has no dependencies.`];
  }
  const known = FEATURES.get(feature);
  if (known === undefined) throw new CommandFailure(`Unknown feature: ${feature}`);
  const found = known.find((candidate) => candidate.level === Number(level));
  if (found === undefined) {
    throw new CommandFailure(`Feature level ${level} is not supported for feature ${feature}`);
  }
  const needs = Object.entries(found.needs);
  if (needs.length === 0) return [`${feature}=${found.level} has no dependencies.`];
  return [`${feature}=${found.level} requires:`, ...needs.map(needLine)];
}

function needLine([feature, level]: [string, number]): string {
  const version = feature === METADATA_VERSION ? metadataVersionOf(level) : null;
  return `    ${feature}=${level}${version === null ? "" : ` (${version.name})`}`;
}
