/**
 * The house rules that a machine can hold: layers, sizes, and what only the World may touch.
 *
 * Bun 1.4.5 has a formatter and a type checker but no linter: this test is the linter.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const LAYERS =
  "base protocol client log raft metadata partition coordinator broker api server dashboard cli".split(
    " ",
  );
const LINES_MAX = 600;
const COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;

/** Text that only the named files may hold, each with what to use instead. */
const BANNED: { pattern: RegExp; instead: string; allowed: RegExp }[] = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(\)|performance\.now/,
    instead: "world.clock",
    allowed: /^src\/base\/(real-|logger)/,
  },
  {
    pattern: /\bMath\.random\b|crypto\.getRandomValues/,
    instead: "world.random",
    allowed: /^src\/base\/real-/,
  },
  {
    pattern: /\b(setTimeout|setInterval|setImmediate)\(/,
    instead: "clock.schedule",
    allowed: /^src\/(base\/real-|dashboard\/|cli\/)/,
  },
  {
    pattern: /\bBun\.\w/,
    instead: "the World",
    allowed: /^src\/(base\/(real-|xxh3)|main\.ts|cli\/|dashboard\/)/,
  },
  {
    pattern: /from "(node:(fs|net|child_process|dgram|http|worker_threads)|bun:ffi)/,
    instead: "the World",
    allowed: /^src\/(base\/(real-|libc|crc32c|native)|cli\/|main\.ts|dashboard\/)/,
  },
  { pattern: /\bprocess\.exit\b/, instead: "a return value", allowed: /^src\/main\.ts/ },
  {
    pattern: /: any\b|\bas any\b|<any>|@ts-ignore|@ts-expect-error/,
    instead: "a type",
    allowed: /^$/,
  },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: "the work itself", allowed: /^$/ },
];

const sources = filesBelow("src");
const tests = [...filesBelow("test"), ...filesBelow("bench")];

describe("layers", () => {
  test("a folder imports itself and folders to its left only, types included", () => {
    const broken: string[] = [];
    for (const file of sources) {
      for (const target of importsOf(file)) {
        const from = layerOf(file);
        const to = layerOf(target);
        if (to > from) broken.push(`${file} -> ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test("every folder of src is a layer", () => {
    const folders = readdirSync(join(ROOT, "src"), { withFileTypes: true });
    const unknown = folders.filter((entry) => entry.isDirectory() && !LAYERS.includes(entry.name));
    expect(unknown.map((entry) => entry.name)).toEqual([]);
  });

  test("no file imports itself through others", () => {
    expect(findCycle(sources)).toEqual([]);
  });

  test("every file of src is reached from main.ts or from a test", () => {
    const reached = reachableFrom(["src/main.ts", ...tests]);
    expect(sources.filter((file) => !reached.has(file))).toEqual([]);
  });
});

describe("the map", () => {
  const map = readFileSync(join(ROOT, "src/README.md"), "utf8");

  test("names every folder of src", () => {
    const folders = new Set(sources.map((file) => dirname(relative("src", file))));
    folders.delete(".");
    expect([...folders].filter((folder) => !map.includes(`\`${folder}/\``))).toEqual([]);
  });

  test("names files that are there", () => {
    const known = [...sources, ...tests];
    const named = [...map.matchAll(/`(?:\.\.\.?\/)?([\w/-]+\.ts)`/g)].map((found) => found[1]!);
    const isThere = (name: string) => known.some((file) => `/${file}`.endsWith(`/${name}`));
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });
});

describe("sizes", () => {
  test(`a file has at most ${LINES_MAX} lines`, () => {
    const long = [...sources, ...tests].filter((file) => linesOf(file).length > LINES_MAX + 1);
    expect(long).toEqual([]);
  });

  test(`a line of src has at most ${COLUMNS_MAX} columns`, () => {
    const long = sources.flatMap((file) =>
      linesOf(file).flatMap((line, index) =>
        line.length > COLUMNS_MAX && !/https?:\/\//.test(line) ? [`${file}:${index + 1}`] : [],
      ),
    );
    expect(long).toEqual([]);
  });

  test(`a function of src has at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(sources.flatMap(longFunctionsOf)).toEqual([]);
  });

  test("file names are kebab-case", () => {
    const odd = sources.filter((file) => !/^[a-z0-9/-]+\.ts$/.test(file));
    expect(odd).toEqual([]);
  });
});

describe("what only the World may touch", () => {
  for (const { pattern, instead, allowed } of BANNED) {
    test(`${pattern.source} gives way to ${instead}`, () => {
      const found = sources
        .filter((file) => !allowed.test(file))
        .flatMap((file) =>
          codeLinesOf(file).flatMap((line, index) =>
            pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
          ),
        );
      expect(found).toEqual([]);
    });
  }
});

function filesBelow(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .sort();
}

function linesOf(file: string): string[] {
  return readFileSync(join(ROOT, file), "utf8").split("\n");
}

/** Lines with comments blanked, so that prose may name what code may not. */
function codeLinesOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const blanked = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "));
  return blanked.split("\n").map((line) => line.replace(/(^|\s)\/\/.*$/, ""));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = text.matchAll(/(?:from|import|require)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g);
  return [...found]
    .map((match) => relative(ROOT, resolve(ROOT, dirname(file), match[1] ?? "")))
    .filter((target) => target.endsWith(".ts"));
}

/** main.ts stands right of every folder. */
function layerOf(file: string): number {
  const folder = file.split("/")[1] ?? "";
  const index = LAYERS.indexOf(folder);
  return index === -1 ? LAYERS.length : index;
}

function findCycle(files: string[]): string[] {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    if (state.get(file) === "done") return [];
    if (state.get(file) === "open") return [...path.slice(path.indexOf(file)), file];
    state.set(file, "open");
    path.push(file);
    for (const target of staticImportsOf(file)) {
      const cycle = visit(target);
      if (cycle.length > 0) return cycle;
    }
    path.pop();
    state.set(file, "done");
    return [];
  };
  for (const file of files) {
    const cycle = visit(file);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

function staticImportsOf(file: string): string[] {
  return existsSync(join(ROOT, file)) ? importsOf(file) : [];
}

function reachableFrom(roots: string[]): Set<string> {
  const reached = new Set<string>();
  const queue = roots.filter((file) => existsSync(join(ROOT, file)));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    queue.push(...staticImportsOf(file), ...threadEntriesOf(file));
  }
  return reached;
}

/** Files that threads begin with, as `WorkerTask` names them. */
function threadEntriesOf(file: string): string[] {
  if (!sources.includes(file)) return [];
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/\bentry: "([^"]+\.ts)"/g)].map((match) => `src/${match[1]}`);
}

/** Functions and methods as the formatter lays them out: the closing brace stands alone. */
function longFunctionsOf(file: string): string[] {
  const lines = linesOf(file);
  const long: string[] = [];
  lines.forEach((line, start) => {
    const opens =
      /^(\s*)(export )?(default )?(async )?function\b.*$/.exec(line) ??
      /^(\s+)(static |private |public |async |get |set |override )*[#\w]+(<.*>)?\(.*\{$/.exec(line);
    if (opens === null || /^\s*(if|for|while|switch|catch|return|super)\b/.test(line)) return;
    const indent = opens[1] ?? "";
    const end = lines.findIndex((other, index) => index > start && other === `${indent}}`);
    if (end - start + 1 > FUNCTION_LINES_MAX) long.push(`${file}:${start + 1}: ${end - start + 1}`);
  });
  return long;
}
