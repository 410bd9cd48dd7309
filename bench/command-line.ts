/** What may be asked of `bun run bench`. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import type { ProfilePlan } from "./kit/profile.ts";
import { UsageError } from "./kit/usage-error.ts";

export const USAGE = `bun run bench [--against kafka|DIRECTORY]... [--suite NAME]... [--rows PATTERN]

  Bunka alone, beside the floor (bench/floor), takes less than two minutes. With others they take
  turns, row by row.

  --against kafka        Apache Kafka 4.3.1, from its Maven packages (needs Java and Maven)
  --against DIRECTORY    another checkout of Bunka: before and after
  --kafka-home DIR       with --against kafka: where it was unpacked
  --bootstrap HOST:PORT  a broker that runs already; --pid N where it runs here
  --nodes N              Bunka as a cluster of N nodes, too: a process and a core for each
  --replication-factor N the same records in N nodes: whoever is measured is a cluster of --nodes (N);
                         3 in the suite "replication", else 1
  --without bunka|floor  leave one out
  --suite NAME           quick (default), all, or one of those that --list shows; as often as wanted
  --rows PATTERN         only rows whose names have that in them
  --rounds N             passes that count (2, beside others 3); one more before them warms up
  --seconds N            how long an open loop runs (5, beside others 10)
  --gb N                 how much the rows of the suite "big" write (2; the real ones are 20)
  --scale X              that part of all that is written, and of all times (1)
  --folder DIR           on which disk (the system's temporary folder)
  --json FILE            all figures of all passes
  --svg FILE             the picture
  --markdown FILE        the table for a README
  --profile DIR          perf records of each row's last pass, with reports
  --turns                with --profile: of the loop's turns instead (bench/studies/turns.ts)
  --loop                 how long Bunka's event loop was held while a row ran (costs 1 % of CPU)
  --load C|TypeScript    the load generator (C where there is a compiler)
  --list                 the rows, and nothing else`;

export interface CommandLine {
  readonly against: readonly string[];
  readonly kafkaHome: string | null;
  readonly bootstrap: string | null;
  readonly pid: number | null;
  readonly nodes: number;
  /** Above 1 whoever is measured is a cluster of `nodes`. */
  readonly replicationFactor: number;
  readonly without: readonly string[];
  readonly suites: readonly string[];
  readonly rows: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly gigabytes: number;
  readonly scale: number;
  readonly folder: string | null;
  readonly json: string | null;
  readonly svg: string | null;
  readonly markdown: string | null;
  readonly profile: ProfilePlan | null;
  readonly load: "C" | "TypeScript";
  readonly isLoopWatched: boolean;
  readonly isList: boolean;
  readonly isHelp: boolean;
}

/** Alone it shall be done within two minutes. */
const ROUNDS_ALONE = "2";
const SECONDS_ALONE = "5";
const ROUNDS_BESIDE = "3";
const SECONDS_BESIDE = "10";
const REPLICATION_FACTOR = "3";

const OPTIONS = {
  against: { type: "string", multiple: true, default: [] },
  "kafka-home": { type: "string" },
  bootstrap: { type: "string" },
  pid: { type: "string" },
  nodes: { type: "string" },
  "replication-factor": { type: "string" },
  without: { type: "string", multiple: true, default: [] },
  suite: { type: "string", multiple: true, default: [] },
  rows: { type: "string", default: "" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  gb: { type: "string", default: "2" },
  scale: { type: "string", default: "1" },
  folder: { type: "string" },
  json: { type: "string" },
  svg: { type: "string" },
  markdown: { type: "string" },
  profile: { type: "string" },
  turns: { type: "boolean", default: false },
  loop: { type: "boolean", default: false },
  load: { type: "string", default: "C" },
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} satisfies NonNullable<ParseArgsConfig["options"]>;

/** Throws `UsageError` at what it does not know. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const values = valuesOf(args);
  const isBeside =
    values.against.length > 0 || values.nodes !== undefined || values.bootstrap !== undefined;
  const suites = values.suite.flatMap((names) => names.split(","));
  const isReplicated = suites.length === 1 && suites[0] === "replication";
  const given = values["replication-factor"] ?? (isReplicated ? REPLICATION_FACTOR : "1");
  const replicationFactor = whole("replication-factor", given);
  const nodes = whole("nodes", values.nodes ?? given);
  if (nodes < replicationFactor) {
    throw new UsageError(`--nodes ${nodes}: as many as --replication-factor are needed at least`);
  }
  return {
    against: values.against,
    kafkaHome: values["kafka-home"] ?? null,
    bootstrap: values.bootstrap ?? null,
    pid: values.pid === undefined ? null : whole("pid", values.pid),
    nodes,
    replicationFactor,
    without: values.without,
    suites: suites.length > 0 ? suites : [suiteFor(values.rows, replicationFactor)],
    rows: values.rows,
    rounds: whole("rounds", values.rounds ?? (isBeside ? ROUNDS_BESIDE : ROUNDS_ALONE)),
    seconds: positive("seconds", values.seconds ?? (isBeside ? SECONDS_BESIDE : SECONDS_ALONE)),
    gigabytes: positive("gb", values.gb),
    scale: positive("scale", values.scale),
    folder: values.folder ?? null,
    json: values.json ?? null,
    svg: values.svg ?? null,
    markdown: values.markdown ?? null,
    profile: profileOf(values.profile, values.turns),
    load: languageOf(values.load),
    isLoopWatched: values.loop,
    isList: values.list,
    isHelp: values.help,
  };
}

function profileOf(folder: string | undefined, isOfTurns: boolean): ProfilePlan | null {
  if (folder === undefined && isOfTurns) throw new UsageError("--turns: needs --profile DIR");
  return folder === undefined ? null : { folder, of: isOfTurns ? "turns" : "symbols" };
}

/** A pattern alone looks everywhere. */
function suiteFor(pattern: string, replicationFactor: number): string {
  if (replicationFactor > 1) return "replication";
  return pattern === "" ? "quick" : "all";
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function languageOf(text: string): CommandLine["load"] {
  if (text === "C" || text === "TypeScript") return text;
  throw new UsageError(`--load ${text}: there is one in C, and one in TypeScript`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name} ${text} is not a number above 0`);
  return value;
}

function whole(name: string, text: string): number {
  const value = positive(name, text);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} ${text} is not a whole number`);
  return value;
}
