/**
 * A cluster in the place of the broker that a client's driver is run against. Where the driver kills
 * the broker, the nodes die in turn: the file names the process that is next, and none until the
 * dead one has come back. All others go on meanwhile.
 */
import { writeFileSync } from "node:fs";
import { CompatError } from "../harness/outcome.ts";
import type { Target, TargetKind } from "../harness/target.ts";
import { Cluster, type ClusterNode, QUICK_CLUSTER } from "./cluster.ts";

/** Long enough to be missed, and fenced. */
const DEAD_MS = 6_000;

export async function startCluster(
  kinds: readonly TargetKind[],
  workDirectory: string,
  overrides: Readonly<Record<string, string>>,
  pidFile: string,
): Promise<Target> {
  const settings = { ...QUICK_CLUSTER, ...overrides };
  const cluster = await Cluster.make(workDirectory, { kinds, settings });
  await cluster.start();
  let isStopping = false;
  const { promise: stopped, resolve: stopWaiting } = Promise.withResolvers<void>();
  const revive = async (node: ClusterNode): Promise<void> => {
    await Promise.race([Bun.sleep(DEAD_MS), stopped]);
    if (!isStopping) await node.start();
  };
  const killInTurn = async (): Promise<void> => {
    for (let turn = 0; ; turn++) {
      const node = cluster.node((turn % kinds.length) + 1);
      writeFileSync(pidFile, `${node.pid}`);
      await Promise.race([node.running.exited, stopped]);
      writeFileSync(pidFile, "");
      if (!isStopping) await revive(node);
      if (isStopping) return;
    }
  };
  const killing = killInTurn();
  const end = async (): Promise<number | null> => {
    isStopping = true;
    stopWaiting();
    await killing;
    await cluster.end();
    return 0;
  };
  const first = cluster.node(1);
  return {
    ...first.running,
    bootstrap: cluster.bootstrap,
    stop: end,
    kill: () => Promise.reject(new CompatError("a cluster is not killed as one")),
  };
}
