/**
 * Where the CPU of the broker's process goes in the rows that produce and fetch: shares of the
 * samples that `perf` takes, with all threads. Needs `perf` (Debian's linux-perf), and root or
 * kernel.perf_event_paranoid <= 1 for what is the kernel's.
 *
 *   bun bench/studies/profile.ts [--suite produce --suite fetch] [--rows PATTERN] [--against DIR]
 *
 * The records stay in the folder that is named at the end, for `perf report`.
 */
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    suite: { type: "string", multiple: true, default: ["produce", "fetch"] },
    rows: { type: "string", default: "" },
    against: { type: "string" },
  },
});

const KERNEL = "([kernel.kallsyms])";
const COPIES = "  of the kernel's: copies of bytes";
const COPY = /copy_(folio|page|user|to|from)|_copy_(to|from)_iter|rep_movs|memcpy/;
/** Of a column: what is less is left out. */
const SHARE_MIN = 0.5;

if (Bun.which("perf") === null) {
  console.error("there is no perf here: apt-get install linux-perf");
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "bunka-profile-"));
await run();
const rows = readdirSync(folder).filter((name) => name.endsWith(".data"));
const profiles = rows.map((name) => sharesOf(samplesOf(join(folder, name))));
print();
console.log(`\nthe records are in ${folder}`);

async function run(): Promise<void> {
  const suites = flags.suite.flatMap((suite) => ["--suite", suite]);
  const others = flags.against === undefined ? [] : ["--against", flags.against];
  const only = flags.rows === "" ? [] : ["--rows", flags.rows];
  const options = [...suites, ...only, ...others, "--without", "floor", "--rounds", "1"];
  const command = [process.execPath, join(import.meta.dir, "../run.ts"), ...options];
  const child = Bun.spawn([...command, "--profile", folder], { stdout: "inherit" });
  if ((await child.exited) !== 0) process.exit(1);
}

interface Sample {
  readonly thread: string;
  /** Innermost first: "symbol (object)". */
  readonly frames: readonly string[];
}

function samplesOf(path: string): Sample[] {
  const command = ["perf", "script", "-i", path, "-F", "comm,tid,ip,sym,dso"];
  const text = Bun.spawnSync(command, { stderr: "ignore" }).stdout.toString();
  return text.split("\n\n").flatMap((block) => {
    const [head, ...frames] = block.split("\n").filter((line) => line.trim() !== "");
    if (head === undefined || frames.length === 0) return [];
    const thread = head.trim().replace(/\s+\d+$/, "");
    return [{ thread, frames: frames.map((frame) => frame.trim().replace(/^\S+ /, "")) }];
  });
}

/** In the order of the table, as far as they are there. */
function kindOf({ thread, frames }: Sample): string {
  const [inner = ""] = frames;
  if (inner.endsWith(KERNEL)) return kindInKernel(frames);
  if (inner.includes("hardware_crc")) return "native/: CRC-32C";
  if (inner.includes("/bunka-")) return "native/: headers and records";
  if (thread === "JITWorker") return "the engine's compiler threads";
  if (thread === "HeapHelper") return "the engine's collector threads";
  if (inner.includes("/perf-") || inner.includes("anon")) return "JavaScript, compiled";
  if (inner.includes("mem")) return "copies outside of the kernel";
  if (inner.includes("/bun")) return "Bun and its engine, JavaScript not compiled";
  return "libraries";
}

function kindInKernel(frames: readonly string[]): string {
  const entry = frames.findIndex((frame) => frame.startsWith("do_syscall_64"));
  // Of some calls the outermost function is left out.
  const call = /^(?:__x64_sys_|__do_sys_|ksys_|do_)?(\w+)/.exec(frames[entry - 1] ?? "");
  if (call !== null) return `kernel: ${call[1]}`;
  const isFault = frames.some((frame) => frame.includes("page_fault"));
  return isFault ? "kernel: page faults" : "kernel: everything else";
}

/** In percent of all samples. */
function sharesOf(samples: readonly Sample[]): Map<string, number> {
  const shares = new Map<string, number>();
  const add = (kind: string) => {
    shares.set(kind, (shares.get(kind) ?? 0) + 100 / samples.length);
  };
  for (const sample of samples) {
    add(kindOf(sample));
    const [inner = ""] = sample.frames;
    if (!inner.endsWith(KERNEL)) continue;
    add("kernel");
    if (COPY.test(inner)) add(COPIES);
  }
  shares.set("samples", samples.length);
  return shares;
}

function print(): void {
  const most = (kind: string) => Math.max(...profiles.map((shares) => shares.get(kind) ?? 0));
  const all = new Set(profiles.flatMap((shares) => [...shares.keys()]));
  const shown = [...all].filter((kind) => kind !== "samples" && most(kind) >= SHARE_MIN);
  const kinds = shown.sort((a, b) => rankOf(a) - rankOf(b) || most(b) - most(a));
  rows.forEach((name, at) => console.log(`${letter(at)}: ${name.replace(".data", "")}`));
  const head = rows.map((_, at) => letter(at).padStart(6)).join("");
  console.log(`\n${"% of the CPU of the process".padEnd(46)}${head}`);
  for (const kind of kinds) {
    const cells = profiles.map((shares) => (shares.get(kind) ?? 0).toFixed(1).padStart(6));
    console.log(kind.padEnd(46) + cells.join(""));
  }
  const counts = profiles.map((shares) => String(shares.get("samples")).padStart(6));
  console.log("samples".padEnd(46) + counts.join(""));
}

function rankOf(kind: string): number {
  if (kind === "kernel") return 0;
  if (kind === COPIES) return 1;
  return kind.startsWith("kernel") ? 2 : 3;
}

function letter(at: number): string {
  return String.fromCharCode("A".charCodeAt(0) + at);
}
