/** What a command of ours has started ends with it, however it ends. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const CHILDREN = join(import.meta.dir, "../../bench/kit/children.ts");
const PARENT = `
  import { endBySignals, tied } from "${CHILDREN}";
  endBySignals();
  process.on("exit", () => console.log("the end"));
  const child = tied(Bun.spawn(["sleep", "600"]));
  console.log(child.pid);
  await child.exited;
`;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends a command with its children, and lets it clear up`, async () => {
    const parent = Bun.spawn([process.execPath, "-e", PARENT], { stdout: "pipe" });
    const reader = parent.stdout.getReader();
    const first = await reader.read();
    const pid = Number(new TextDecoder().decode(first.value));
    expect(isAlive(pid)).toBe(true);
    parent.kill(signal);
    const rest = await reader.read();
    expect(new TextDecoder().decode(rest.value)).toBe("the end\n");
    expect(await parent.exited).toBe(130);
    while (isAlive(pid)) await Bun.sleep(1);
  });
}

/** A dead one that nobody has waited for is dead. */
function isAlive(pid: number): boolean {
  const { exitCode, stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)]);
  return exitCode === 0 && !stdout.toString().startsWith("Z");
}
