/** The World of a running node. */
import { realClock } from "./real-clock.ts";
import { realDisk } from "./real-disk.ts";
import { realHttp } from "./real-http.ts";
import { realNetwork } from "./real-network.ts";
import { realRandom } from "./real-random.ts";
import { realWorkers } from "./real-workers.ts";
import type { World } from "./world.ts";

export function realWorld(): World {
  return {
    clock: realClock(),
    random: realRandom(),
    disk: realDisk(),
    network: realNetwork(),
    http: realHttp(),
    workers: realWorkers(),
  };
}
