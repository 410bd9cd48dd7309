/** The World of a running node. */
import { LazyThread } from "./lazy-thread.ts";
import { realClock } from "./real-clock.ts";
import { realDisk } from "./real-disk.ts";
import { realHttp } from "./real-http.ts";
import { realNetwork } from "./real-network.ts";
import { realProcess } from "./real-process.ts";
import { realRandom } from "./real-random.ts";
import { WAITING_BYTES_MAX, WriteBack, writeBackTask } from "./real-write-back.ts";
import { writeThread } from "./real-write-thread.ts";
import { realWorkers } from "./real-workers.ts";
import type { World } from "./world.ts";

export function realWorld(): World {
  const clock = realClock();
  const workers = realWorkers();
  const writeBack = new WriteBack(new LazyThread(workers, clock, writeBackTask), WAITING_BYTES_MAX);
  return {
    clock,
    random: realRandom(),
    disk: realDisk({ writeBack, writeThread }),
    network: realNetwork(),
    http: realHttp(),
    workers,
    process: realProcess(),
  };
}
