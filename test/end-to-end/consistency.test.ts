/**
 * kill -9 at random points under transactions, plain producers and readers: what
 * test/sim/consistency.test.ts tries on a fake machine, with real processes, files and sockets.
 */
import { afterAll, describe } from "bun:test";
import { BUSY_SETTINGS, Workload } from "../consistency/workload.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { killLeftovers, Scratch } from "./broker-process.ts";
import { countOf, faultTest, newChance } from "./faults.ts";
import { Lives } from "./lives.ts";
import { TcpWire } from "./tcp-wire.ts";

afterAll(killLeftovers);

const LIFE_MS_MAX = 700;

describe.each(["old", "new"] as const)("transactions of the %s kind", (generation) => {
  faultTest("kill -9 leaves no anomaly", async () => {
    const chance = newChance("consistency");
    const rounds = countOf("BUNKA_KILL_ROUNDS", { short: 2, all: 10, long: 50 });
    using scratch = new Scratch();
    const lives = new Lives(scratch.path, BUSY_SETTINGS);
    const wire = new TcpWire(lives);
    await lives.start();
    const workload = new Workload(wire, new FakeRandom(chance.below(2 ** 31)), generation);
    await workload.prepare();
    const running = workload.run();
    const failed = running.then(() => new Promise<never>(() => {}));
    for (let round = 0; round < rounds; round++) {
      await Promise.race([failed, Bun.sleep(chance.below(LIFE_MS_MAX))]);
      await lives.kill();
      if (chance.oneIn(3)) await lives.crashStarts(chance);
      await lives.start();
    }
    wire.isClosing = true;
    await running;
    await workload.verify();
    console.error(`${rounds} rounds, ${workload.okCount} operations, no anomaly`);
    wire.close();
    await lives.stop("SIGTERM");
  });
});
