/** Makes the library that native.ts opens. Run once by `bun native/build.ts` while setting up. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LIBRARY_PATH, NATIVE_DIRECTORY, NATIVE_SOURCES } from "./native.ts";

/** Says whether the library is there now. False on a machine without a C compiler: no harm. */
export function buildNative(compiler = "cc"): boolean {
  if (existsSync(LIBRARY_PATH)) return true;
  const directory = dirname(LIBRARY_PATH);
  const unfinished = join(directory, `${process.pid}.unfinished`);
  try {
    mkdirSync(directory, { recursive: true });
    const flags = ["-O3", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden"];
    const sources = NATIVE_SOURCES.map((name) => join(NATIVE_DIRECTORY, name));
    const { status } = spawnSync(compiler, [...flags, "-o", unfinished, ...sources], {
      stdio: "ignore",
      timeout: 60_000,
    });
    if (status !== 0) return false;
    // Two that build at the same time write the same bytes: whoever renames last wins.
    renameSync(unfinished, LIBRARY_PATH);
    removeOthers(directory);
    return true;
  } catch {
    // A checkout that cannot be written to.
    return false;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Libraries of older sources for this platform. */
function removeOthers(directory: string): void {
  const kept = basename(LIBRARY_PATH);
  const platform = kept.slice(0, kept.lastIndexOf("-") + 1);
  for (const name of readdirSync(directory)) {
    if (name !== kept && name.startsWith(platform)) rmSync(join(directory, name), { force: true });
  }
}
