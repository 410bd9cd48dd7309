/** Makes a program of C files with what the machine has. */

const COMPILERS = ["cc", "gcc", "clang"];

/** Null where there is no compiler, or the system is not one that the program is for. */
export function compile(binary: string, sources: readonly string[]): string | null {
  if (process.platform !== "linux") return null;
  for (const compiler of COMPILERS) {
    if (Bun.which(compiler) === null) continue;
    const command = [compiler, "-O2", "-o", binary, ...sources];
    if (Bun.spawnSync(command, { stderr: "inherit" }).exitCode === 0) return binary;
  }
  return null;
}
