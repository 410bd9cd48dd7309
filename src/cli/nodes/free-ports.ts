/**
 * Ports that nobody has; held until all are chosen, so that none is chosen twice.
 *
 * Between that and the moment in which a node listens there may be seconds, and the ports of
 * controllers are for good. So they are none of those that systems choose from where a program asks
 * for any port: on a busy machine such a port would be somebody else's by then.
 */
import { type Listener, NetworkError, type World } from "../../base/world.ts";

/** Linux takes 32768 to 60999 unless told otherwise, others 49152 to 65535. */
const PORT_MIN = 16_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 1000;

export class FreePorts {
  readonly #world: World;
  readonly #held: Listener[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  readonly take = (): number => {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const port = PORT_MIN + (this.#world.random.uint32() % (PORT_MAX - PORT_MIN));
      try {
        return this.#hold(port);
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
      }
    }
    return this.#hold(0);
  };

  giveBack(): void {
    for (const listener of this.#held) listener.stop();
  }

  #hold(port: number): number {
    const listener = this.#world.network.listen("127.0.0.1", port, (socket) => {
      socket.terminate();
      return { data() {}, drain() {}, end() {}, close() {} };
    });
    this.#held.push(listener);
    return listener.port;
  }
}
