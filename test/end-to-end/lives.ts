/**
 * One broker over its lives: it is killed and started again, and its clients wait for the next one.
 *
 * The gate is open while load is wanted: between a start and the opening of the gate the broker can
 * be looked at in peace.
 */
import { NetworkError } from "../../src/base/world.ts";
import type { Chance } from "../fuzz/chance.ts";
import { BrokerProcess, NotReadyError, type Overrides, brokerWords } from "./broker-process.ts";
import { Connection, ConnectionLost } from "./client.ts";

const CRASH_STARTS_MAX = 3;
const CRASH_START_MS_MAX = 200;

/** Something that works with the broker whenever there is one. */
export interface Actor {
  /** Works until `gate.isOpen` is false; throws `ConnectionLost` when the broker goes away. */
  work(connection: Connection, gate: Gate): Promise<void>;
}

export interface Gate {
  readonly isOpen: boolean;
}

export class Lives {
  broker: BrokerProcess | null = null;
  startsKilled = 0;
  readonly #gate = { isOpen: false };

  constructor(
    readonly directory: string,
    readonly overrides: Overrides,
  ) {}

  get running(): BrokerProcess {
    if (this.broker === null) throw new Error("no broker is running");
    return this.broker;
  }

  async start(): Promise<void> {
    this.broker = await BrokerProcess.start(this.directory, this.overrides);
  }

  connect(): Promise<Connection> {
    return Connection.open(this.running.port);
  }

  /** Resolves when every actor has noticed that the broker is gone, or that the gate is closed. */
  async load(actors: readonly Actor[], whileOpen: () => Promise<void>): Promise<void> {
    this.#gate.isOpen = true;
    const works = actors.map((actor) => this.#run(actor));
    const failed = Promise.all(works).then(() => new Promise<never>(() => {}));
    await Promise.race([whileOpen(), failed]);
    this.#gate.isOpen = false;
    await Promise.all(works);
  }

  async kill(): Promise<void> {
    await this.running.kill();
    this.broker = null;
  }

  async stop(signal: "SIGTERM" | "SIGINT"): Promise<void> {
    const ending = await this.running.stop(signal);
    this.broker = null;
    if (ending.exitCode !== 0) throw new NotReadyError(ending);
  }

  /** Starts that are killed before, or just when, they are done. */
  async crashStarts(chance: Chance): Promise<void> {
    for (let left = chance.below(CRASH_STARTS_MAX + 1); left > 0; left--) {
      const words = brokerWords({ "log.dirs": this.directory, ...this.overrides });
      const broker = new BrokerProcess(words);
      await Bun.sleep(chance.below(CRASH_START_MS_MAX));
      await broker.kill();
      const { exitCode, lines } = await broker.ended;
      if (exitCode !== null)
        throw new Error(`it ended by itself: ${exitCode}\n${lines.join("\n")}`);
      this.startsKilled++;
    }
  }

  async #run(actor: Actor): Promise<void> {
    try {
      using connection = await this.connect();
      await actor.work(connection, this.#gate);
    } catch (error) {
      if (!(error instanceof ConnectionLost || error instanceof NetworkError)) throw error;
    }
  }
}
