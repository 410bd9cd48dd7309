/** The clients and the checker of test/consistency on a cluster of real processes. */
import { realClock } from "../../../src/base/real-clock.ts";
import { realNetwork } from "../../../src/base/real-network.ts";
import type { Generation } from "../../consistency/producers.ts";
import { BUSY_SETTINGS, PLACES, Workload } from "../../consistency/workload.ts";
import type { Chance } from "../../fuzz/chance.ts";
import { ClusterWire } from "../../sim/cluster/cluster-wire.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { type Cluster, QUICK_CLUSTER } from "./cluster.ts";

export const WORKLOAD_SETTINGS = {
  ...BUSY_SETTINGS,
  ...QUICK_CLUSTER,
  // Who comes back leads again soon: so there is a leader on each node to be struck.
  "leader.imbalance.check.interval.seconds": "1",
};
/** Partitions whose records stay as they were written. */
export const WORKLOAD_PARTITIONS = PLACES.map(([topic, partition]) => `${topic}-${partition}`);
const END_MS_MAX = 180_000;

export interface Working {
  readonly workload: Workload;
  /** Rejects when a client met what it should not; never resolves. */
  readonly failed: Promise<never>;
  /** Clients come to an end, and all that they did and saw is looked at. */
  finish(): Promise<void>;
}

/** Resolves when the clients are at work. */
export async function workOn(
  cluster: Cluster,
  chance: Chance,
  generation: Generation,
  valueSizeMax = 1,
): Promise<Working> {
  const clock = realClock();
  const network = realNetwork();
  const random = new FakeRandom(chance.below(2 ** 31));
  const closing = { isClosing: false };
  const bootstrap = cluster.bootstrap.split(",");
  const wires: ClusterWire[] = [];
  const newWire = (name: string): ClusterWire => {
    const own = random.fork();
    const wire = new ClusterWire({ clock, network, random: own, bootstrap, name, closing });
    wires.push(wire);
    return wire;
  };
  const options = {
    replicationFactor: Math.min(3, cluster.brokers.length),
    pauseMsMax: 100,
    valueSizeMax,
  };
  const workload = new Workload(newWire, random.fork(), generation, options);
  await within("topics are made", workload.prepare());
  const running = workload.run();
  const failed = running.then(() => new Promise<never>(() => {}));
  failed.catch(() => {});
  const finish = async (): Promise<void> => {
    closing.isClosing = true;
    await within("clients come to an end", running);
    await within("all is read", workload.verify());
    for (const wire of wires) wire.close();
  };
  return { workload, failed, finish };
}

async function within(what: string, work: Promise<void>): Promise<void> {
  const late = Bun.sleep(END_MS_MAX).then(() => {
    throw new Error(`within ${END_MS_MAX} ms it is not so that ${what}`);
  });
  await Promise.race([work, late]);
}
