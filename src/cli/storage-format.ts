/** `storage format`: prepares log directories, as kafka-storage.sh format does. */
import {
  FormatError,
  formatStorage as formatDirectories,
  randomDirectoryId,
  standaloneVoters,
} from "../broker/format-storage.ts";
import { checkTogether } from "../broker/settings/cross-checks.ts";
import { allDirectories, isController, metadataDirectory } from "../broker/settings/effective.ts";
import { parseHostPort } from "../broker/settings/host-port.ts";
import { Settings } from "../broker/settings/settings.ts";
import { SUPPORTED_FEATURES } from "../broker/supported-features.ts";
import { isUuid } from "../base/uuid.ts";
import type { Random, World } from "../base/world.ts";
import { MetaPropertiesError } from "../log/meta-properties.ts";
import { bootstrapRecords } from "../metadata/activation.ts";
import {
  FEATURES,
  KRAFT_VERSION,
  METADATA_LEVEL_MAX,
  METADATA_LEVEL_MIN,
  METADATA_LEVEL_PRODUCTION,
  METADATA_VERSION,
  METADATA_VERSIONS,
  SCRAM_LEVEL,
  defaultLevel,
  metadataVersionOf,
  reasonAgainst,
} from "../metadata/features.ts";
import type { NewRecord } from "../metadata/record.ts";
import { KRAFT_VERSIONS, voterSet, type Voter, type VoterSet } from "../raft/voter-set.ts";
import type { Arguments, CommandLine, Flag } from "./arguments.ts";
import { CommandFailure, type CommandContext } from "./command.ts";
import { scramRecord } from "./scram-argument.ts";
import { readSettingsFile } from "./settings-file.ts";
import { releaseNamed } from "./storage-features.ts";
import { CONFIG } from "./storage-info.ts";

const CLUSTER_ID: Flag = {
  long: "--cluster-id",
  short: "-t",
  value: "ID",
  isRequired: true,
  about: "The cluster, by the same id on every node; random-uuid makes one.",
};
const SCRAM: Flag = {
  long: "--add-scram",
  short: "-S",
  value: "CREDENTIAL",
  isRepeated: true,
  about: "A user, as SCRAM-SHA-256=[name=alice,password=secret].",
};
const IGNORE_FORMATTED: Flag = {
  long: "--ignore-formatted",
  short: "-g",
  about: "Leave alone what is formatted already, instead of failing.",
};
const RELEASE: Flag = {
  long: "--release-version",
  short: "-r",
  value: "RELEASE",
  about: "The release whose features the cluster starts with; the newest unless given.",
};
const FEATURE: Flag = {
  long: "--feature",
  short: "-f",
  value: "FEATURE=LEVEL",
  isRepeated: true,
  about: "The level of one feature, as group.version=1.",
};
const STANDALONE: Flag = {
  long: "--standalone",
  short: "-s",
  about: "This controller is a quorum of its own, to which others may be added.",
};
const NO_INITIAL: Flag = {
  long: "--no-initial-controllers",
  short: "-N",
  about: "The first controllers are other nodes.",
};
const INITIAL: Flag = {
  long: "--initial-controllers",
  short: "-I",
  value: "ID@HOST:PORT:DIRECTORY,...",
  about: "The first controllers; the same on every one of them.",
};

export const FORMAT_LINE: CommandLine = {
  flags: [
    CONFIG,
    CLUSTER_ID,
    SCRAM,
    IGNORE_FORMATTED,
    RELEASE,
    FEATURE,
    STANDALONE,
    NO_INITIAL,
    INITIAL,
  ],
  exclusive: [STANDALONE, NO_INITIAL, INITIAL],
};

export async function formatStorage(given: Arguments, context: CommandContext): Promise<number> {
  const world = await context.world();
  const settings = new Settings(readSettingsFile(world.disk, given.value(CONFIG) ?? ""));
  checkTogether(settings);
  const isDynamic = settings.get("controller.quorum.voters").length === 0;
  const voters = votersOf(given, settings, world, isDynamic);
  const levels = levelsOf(given, isDynamic);
  const metadataLevel = levels.get(METADATA_VERSION) ?? METADATA_LEVEL_PRODUCTION;
  const plan = {
    clusterId: given.value(CLUSTER_ID) ?? "",
    nodeId: settings.get("node.id"),
    directories: allDirectories(settings),
    metadataDirectory: metadataDirectory(settings),
    records: [
      ...bootstrapRecords(metadataLevel, levels),
      ...scramRecords(given, metadataLevel, world.random),
    ],
    kraftVersion: levels.get(KRAFT_VERSION) ?? 0,
    voters,
  };
  const options = {
    ignoreFormatted: given.has(IGNORE_FORMATTED),
    say: (line: string) => context.console.out(line),
  };
  try {
    await formatDirectories(world, plan, options);
  } catch (error) {
    if (error instanceof FormatError || error instanceof MetaPropertiesError) {
      throw new CommandFailure(error.message);
    }
    throw error;
  }
  return 0;
}

function votersOf(
  given: Arguments,
  settings: Settings,
  world: World,
  isDynamic: boolean,
): VoterSet | null {
  const initial = given.value(INITIAL);
  if (!isDynamic && (initial !== null || given.has(STANDALONE))) {
    throw new CommandFailure(
      "--initial-controllers and --standalone are for quorums that may change: give " +
        "controller.quorum.bootstrap.servers in place of controller.quorum.voters",
    );
  }
  if (initial !== null) return initialVoters(initial, settings);
  if (given.has(STANDALONE)) {
    try {
      return standaloneVoters(settings, randomDirectoryId(world.random));
    } catch (error) {
      if (error instanceof FormatError) throw new CommandFailure(error.message);
      throw error;
    }
  }
  if (isDynamic && isController(settings) && !given.has(NO_INITIAL)) {
    throw new CommandFailure(
      "A controller without controller.quorum.voters needs one of --standalone, " +
        "--initial-controllers and --no-initial-controllers",
    );
  }
  return null;
}

function initialVoters(text: string, settings: Settings): VoterSet {
  const [listener = ""] = settings.get("controller.listener.names");
  const voters = new Map<number, Voter>();
  for (const entry of text.split(",")) {
    const voter = parseInitialVoter(entry.trim(), listener);
    if (voters.has(voter.id)) {
      throw new CommandFailure(`Node id ${voter.id} was specified more than once.`);
    }
    voters.set(voter.id, voter);
  }
  return voterSet([...voters.values()]);
}

/** `id@host:port:directory` */
function parseInitialVoter(text: string, listener: string): Voter {
  const [, id = "", address = "", directoryId = ""] = /^([^@]*)@(.*):([^:]*)$/.exec(text) ?? [];
  const endpoint = parseHostPort(address);
  const isGood = /^\d{1,9}$/.test(id) && endpoint !== null && endpoint.port <= 65_535;
  if (!isGood || endpoint.host === "" || !isUuid(directoryId)) {
    throw new CommandFailure(`--initial-controllers takes ID@HOST:PORT:DIRECTORY, not '${text}'`);
  }
  return {
    id: Number(id),
    directoryId,
    endpoints: [{ name: listener.toUpperCase(), host: endpoint.host, port: endpoint.port }],
    ...KRAFT_VERSIONS,
  };
}

/** The level of every feature, as asked for, by release, or by default. */
function levelsOf(given: Arguments, isDynamic: boolean): Map<string, number> {
  const asked = new Map(given.values(FEATURE).map(parseFeature));
  const metadataLevel = metadataLevelOf(given, asked.get(METADATA_VERSION));
  const levels = new Map([[METADATA_VERSION, metadataLevel]]);
  for (const feature of FEATURES.keys()) {
    const max = SUPPORTED_FEATURES.get(feature)?.max ?? 0;
    const level = asked.get(feature) ?? Math.min(defaultLevel(feature, metadataLevel), max);
    levels.set(feature, level);
  }
  levels.set(KRAFT_VERSION, kraftLevelOf(asked.get(KRAFT_VERSION), isDynamic));
  for (const [feature, level] of levels) {
    if (feature === METADATA_VERSION) continue;
    const reason = reasonAgainst(feature, level, levels);
    if (reason !== null) throw new CommandFailure(reason);
    const max = SUPPORTED_FEATURES.get(feature)?.max ?? 0;
    if (level > max) {
      throw new CommandFailure(`${feature}=${level} is not supported yet, only up to ${max}`);
    }
  }
  return levels;
}

function parseFeature(text: string): [string, number] {
  const equals = text.indexOf("=");
  if (equals < 0) {
    throw new CommandFailure(`Can't parse feature=level string ${text}: equals sign not found.`);
  }
  const feature = text.slice(0, equals).trim();
  const level = text.slice(equals + 1).trim();
  if (!/^[+-]?\d{1,5}$/.test(level)) {
    throw new CommandFailure(
      `Can't parse feature=level string ${text}: unable to parse ${level} as a short.`,
    );
  }
  if (feature !== METADATA_VERSION && !FEATURES.has(feature)) {
    const known = [...FEATURES.keys()].sort().join(", ");
    throw new CommandFailure(`Unsupported feature: ${feature}. Supported features are: ${known}`);
  }
  return [feature, Number(level)];
}

function metadataLevelOf(given: Arguments, asked: number | undefined): number {
  const stable = METADATA_VERSIONS.filter((version) => version.level <= METADATA_LEVEL_PRODUCTION);
  if (asked === undefined) return releaseNamed(given.value(RELEASE), stable).level;
  if (given.has(RELEASE)) {
    throw new CommandFailure(
      "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
    );
  }
  const version = metadataVersionOf(asked);
  if (version === null) {
    throw new CommandFailure(
      `No MetadataVersion with feature level ${asked}. Valid feature levels are from ` +
        `${METADATA_LEVEL_MIN} to ${METADATA_LEVEL_MAX}.`,
    );
  }
  if (stable.includes(version)) return asked;
  throw new CommandFailure(`${METADATA_VERSION} ${version.name} is not yet stable.`);
}

/** KIP-853: a quorum that may change needs level 1, one in the settings needs level 0. */
function kraftLevelOf(asked: number | undefined, isDynamic: boolean): number {
  const level = isDynamic ? 1 : 0;
  if (asked === undefined || asked === level) return level;
  const quorum = isDynamic ? "without controller.quorum.voters" : "with controller.quorum.voters";
  throw new CommandFailure(`Cannot set ${KRAFT_VERSION} to ${asked} ${quorum}`);
}

function scramRecords(given: Arguments, metadataLevel: number, random: Random): NewRecord[] {
  const credentials = given.values(SCRAM);
  if (credentials.length > 0 && metadataLevel < SCRAM_LEVEL) {
    const oldest = metadataVersionOf(SCRAM_LEVEL)?.name;
    throw new CommandFailure(`SCRAM is only supported in ${METADATA_VERSION} ${oldest} or later.`);
  }
  return credentials.map((credential) => scramRecord(credential, random));
}
