/** A machine that dies at one operation of its disk, in each of the ways in which machines die. */
import { afterKill, afterPowerLoss, type FakeWorld } from "./fake-world.ts";

type Loss = (world: FakeWorld) => FakeWorld;

export const LOSSES: Readonly<Record<string, Loss>> = {
  kill: (world) => afterKill(world),
  "power, nothing unsynced kept": (world) => afterPowerLoss(world, "none"),
  "power, some of it kept": (world) => afterPowerLoss(world, "random"),
};

/** What is acknowledged survives a loss of power where every append is synced. */
export function settingsFor(
  loss: string,
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return loss === "kill" ? settings : { ...settings, "log.flush.interval.messages": "1" };
}

export class Mortal {
  readonly world: FakeWorld;
  readonly #loss: Loss;
  #next: FakeWorld | null = null;

  constructor(world: FakeWorld, loss: Loss) {
    this.world = world;
    this.#loss = loss;
  }

  /** The same machine in its next life; null as long as it lives. */
  get next(): FakeWorld | null {
    return this.#next;
  }

  /** At the disk's operation of this number, counted from now on. */
  dieAt(operation: number): void {
    const { disk } = this.world;
    const check = disk.check.bind(disk);
    let count = 0;
    disk.check = (kind, path) => {
      if (++count === operation) this.#next = this.#loss(this.world);
      check(kind, path);
    };
  }
}
