/**
 * Bunka measured, alone or beside others, on this machine in one run: `bun run bench --help`.
 *
 * command-line.ts says what may be asked, rows/ what is measured, contenders/ who, contest.ts in
 * which order, results/ what is made of it.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type CommandLine, parseCommandLine, USAGE } from "./command-line.ts";
import { bunka } from "./contenders/bunka.ts";
import { floor } from "./contenders/floor.ts";
import { kafka } from "./contenders/kafka.ts";
import { outside } from "./contenders/outside.ts";
import { type Entry, runContest } from "./contest.ts";
import { endBySignals } from "./kit/children.ts";
import { UsageError } from "./kit/usage-error.ts";
import { buildLoad } from "./load/load.ts";
import { describeMachine, machineLine } from "./machine.ts";
import { markdownOf } from "./results/markdown.ts";
import { pictureOf } from "./results/picture.ts";
import { hasFailure, medianOf, type Results, type RowResults } from "./results/results.ts";
import { Table } from "./results/table.ts";
import { rowsOf, WARM_UPS } from "./rows/index.ts";

try {
  const options = parseCommandLine(process.argv.slice(2));
  if (options.isHelp) console.log(USAGE);
  else if (options.isList) list(options);
  else await measure(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message} (bun run bench --help)`);
  process.exitCode = 2;
}

function list(options: CommandLine): void {
  for (const { suite, row } of chosenRows(options)) {
    console.log(`${suite.padEnd(12)} ${row.name}`);
  }
}

async function measure(options: CommandLine): Promise<void> {
  const chosen = chosenRows(options);
  checkFiles(options);
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "bunka-bench-"));
  // Interrupted, it leaves nothing behind either.
  endBySignals();
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  try {
    const load = buildLoad(folder, options.load);
    const entries = entriesOf(options, folder);
    const machine = describeMachine(folder);
    const table = new Table(entries[0]!.name);
    console.log(`${machineLine(machine)}; load generator in ${load.language}`);
    const { rounds, seconds, gigabytes, scale, replicationFactor } = options;
    const rows: RowResults[] = [];
    const results: Results = {
      date: new Date().toISOString(),
      command: ["bun run bench", ...process.argv.slice(2)].join(" "),
      machine,
      loadLanguage: load.language,
      rounds,
      contenders: entries.map(({ name }) => name),
      rows,
    };
    await runContest(entries, {
      rows: chosen,
      warmUps: WARM_UPS,
      load,
      folder,
      rounds,
      seconds,
      gigabytes,
      replicationFactor,
      scale,
      profile: options.profile,
      progress,
      done(row) {
        progress("");
        for (const line of table.linesOf(row)) console.log(line);
        warnOfLoad(row);
        if (hasFailure(row)) process.exitCode = 1;
        rows.push(row);
        // After each row: whatever becomes of the rest, this much is kept.
        write(results, options);
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function chosenRows({ suites, gigabytes, rows: pattern }: CommandLine) {
  const chosen = rowsOf(suites)
    .map(({ suite, row }) => {
      return { suite, row: { ...row, name: row.name.replace("{gb}", `${gigabytes} GB`) } };
    })
    .filter(({ row }) => row.name.includes(pattern));
  if (chosen.length === 0) throw new UsageError(`no row has "${pattern}" in its name`);
  return chosen;
}

/** What cannot be written at the end shall not be measured. */
function checkFiles({ json, svg, markdown, folder }: CommandLine): void {
  const folders = [json, svg, markdown].flatMap((path) => (path === null ? [] : dirname(path)));
  if (folder !== null) folders.push(folder);
  const missing = folders.find((each) => !existsSync(each));
  if (missing !== undefined) throw new UsageError(`there is no folder ${missing}`);
}

function entriesOf(line: CommandLine, folder: string): Entry[] {
  const isReplicated = line.replicationFactor > 1;
  const nodes = isReplicated ? line.nodes : 1;
  const entries: Entry[] = [
    { name: "bunka", isFloor: false, start: bunka(undefined, "bunka", nodes, line.isLoopWatched) },
  ];
  for (const other of line.against) {
    if (other === "kafka") {
      entries.push({ name: "kafka", isFloor: false, start: kafka(line.kafkaHome, nodes) });
    } else {
      const checkout = resolve(other);
      const name = basename(checkout) === "bunka" ? "before" : basename(checkout);
      entries.push({
        name,
        isFloor: false,
        start: bunka(checkout, name, nodes, line.isLoopWatched),
      });
    }
  }
  const { bootstrap, pid } = line;
  if (bootstrap !== null) {
    const start = async () => outside({ bootstrap, pid });
    entries.push({ name: "other", isFloor: false, start });
  }
  if (line.nodes > 1 && !isReplicated) {
    const name = `${line.nodes} nodes`;
    entries.push({ name, isFloor: false, start: bunka(undefined, name, line.nodes) });
  }
  const startFloor = isReplicated ? null : floor(folder);
  if (startFloor !== null) entries.push({ name: "floor", isFloor: true, start: startFloor });
  const unknown = line.without.find((name) => entries.every((entry) => entry.name !== name));
  if (unknown !== undefined && unknown !== "floor") {
    const names = entries.map(({ name }) => name).join(", ");
    throw new UsageError(`--without ${unknown}: those that are measured are ${names}`);
  }
  const kept = entries.filter(({ name }) => !line.without.includes(name));
  if (kept.length === 0) throw new UsageError("nobody is left to be measured");
  return kept;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** A client that costs more than the broker measures itself. */
function warnOfLoad(row: RowResults): void {
  for (const name of Object.keys(row.passes)) {
    const share = name === "floor" ? null : medianOf(row, "", name, "loadShare");
    if (share !== null && share > 1) {
      console.log(`  note: the load generator took ${share.toFixed(2)} of the CPU of ${name}`);
    }
  }
}

function write(results: Results, { json, svg, markdown }: CommandLine): void {
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  if (svg !== null) writeFileSync(svg, pictureOf(results));
  if (markdown !== null) writeFileSync(markdown, markdownOf(results));
}
