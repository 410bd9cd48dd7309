/** The active controller is killed: how long until another node leads the quorum. */
import type { Cluster } from "../cluster.ts";
import { untilController } from "./survey.ts";

const SETTLED_MS = 3000;

/** In milliseconds, of so many kills. */
export async function measureElections(cluster: Cluster, kills: number): Promise<number[]> {
  const times: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const controller = await untilController(cluster);
    await Bun.sleep(SETTLED_MS);
    const startMs = performance.now();
    await cluster.node(controller).kill();
    const next = await untilController(cluster, controller);
    times.push(performance.now() - startMs);
    console.log(`controller ${controller} killed: ${next} after ${times.at(-1)!.toFixed(0)} ms`);
    await cluster.node(controller).start();
  }
  return times;
}
