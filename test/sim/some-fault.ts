/** What a disk does wrong by chance, under the workload of test/consistency. */
import type { Fault } from "./fake-disk.ts";
import type { FakeRandom } from "./fake-random.ts";

export function someFault(random: FakeRandom): Fault {
  return {
    operation: random.pick(["write", "sync", "rename", "open", "syncDirectory"]),
    path: random.pick([/both|input|output/, /__transaction_state/, /__consumer_offsets/, /./]),
    code: random.pick(["EIO", "ENOSPC"]),
    count: random.between(1, 3),
    after: random.below(60),
  };
}
