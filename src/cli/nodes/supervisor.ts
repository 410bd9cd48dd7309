/**
 * Keeps the nodes of one host running: starts all at once, starts one again that has ended, stops
 * all.
 *
 *   starting --all ready--> running --stop--> stopping -> done
 *      |                       |
 *      one ends: all stop      one ends: a line, a while, the next life of it
 *
 * The while doubles with each life that was short, and a long life is forgiven all before it.
 */
import type { Clock, Timer } from "../../base/world.ts";
import { ChildNode, type Ending } from "./child-node.ts";

export interface SupervisorOptions {
  readonly clock: Clock;
  /** The words behind `bunka broker`, by node id. */
  readonly words: ReadonlyMap<number, readonly string[]>;
  /** Those that ask others for leave: they stop while there is somebody to ask. */
  readonly leaveFirst?: ReadonlySet<number>;
  readonly out: (line: string) => void;
  /** What nodes and this have to say of trouble. */
  readonly error: (line: string) => void;
  readonly start?: (...options: ConstructorParameters<typeof ChildNode>) => Child;
}

/** What is needed of a `ChildNode`. */
export type Child = Pick<ChildNode, "id" | "ready" | "ended" | "signal">;

interface Place {
  child: Child;
  startedMs: number;
  /** How long to wait before its next life. */
  delayMs: number;
  isReady: boolean;
  hasEnded: boolean;
}

const DELAY_MS_MIN = 100;
const DELAY_MS_MAX = 10_000;
const LONG_LIFE_MS = 30_000;
/** A node answers what is in flight for 10 seconds, and then flushes its logs. */
const STOP_MS_MAX = 60_000;
/** A line of the log, as `base/logger.ts` writes it. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT\S+ [A-Z]+ /;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #places = new Map<number, Place>();
  readonly #timers = new Set<Timer>();
  /** What nodes that have not been ready yet complain of: of one that fails, it is the reason. */
  readonly #complaints = new Map<number, string[]>();
  readonly #failure = Promise.withResolvers<never>();
  #state: "starting" | "running" | "stopping" = "starting";

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // Nobody may be waiting for it.
    this.#failure.promise.catch(() => {});
  }

  /** Resolves with the listeners of each node; rejects with `NodeEndedError` when one ends. */
  async start(): Promise<string[]> {
    for (const id of this.#options.words.keys()) {
      this.#places.set(id, this.#live(id, DELAY_MS_MIN));
    }
    const ready = [...this.#places.values()].map(({ child }) => child.ready);
    const listeners = await Promise.race([Promise.all(ready), this.#failure.promise]);
    this.#state = "running";
    this.#tellComplaints();
    return listeners;
  }

  /** Resolves with whether every node has ended as it should. */
  async stop(): Promise<boolean> {
    this.#state = "stopping";
    for (const timer of this.#timers) timer.cancel();
    // One that waits for its next life has ended already.
    const places = [...this.#places.values()].filter(({ hasEnded }) => !hasEnded);
    const { clock, leaveFirst } = this.#options;
    const late = clock.schedule(STOP_MS_MAX, () => this.kill());
    const isFirst = ({ child }: Place) => leaveFirst?.has(child.id) === true;
    const first = places.filter(isFirst);
    for (const { child } of first) child.signal("SIGTERM");
    if (first.length > 0) await Promise.all(first.map(({ child }) => child.ended));
    for (const place of places) if (!isFirst(place)) place.child.signal("SIGTERM");
    const endings = await Promise.all(places.map(({ child }) => child.ended));
    late.cancel();
    // One that was not ready yet has nothing to do before it ends.
    return endings.every(({ exitCode, signal }, index) => {
      return exitCode === 0 || (places[index]?.isReady === false && signal === "SIGTERM");
    });
  }

  /** For who does not want to wait. */
  kill(): void {
    for (const { child } of this.#places.values()) child.signal("SIGKILL");
  }

  /** Each writes its figures. */
  tellMetrics(): void {
    for (const { child } of this.#places.values()) child.signal("SIGUSR1");
  }

  #live(id: number, delayMs: number): Place {
    const { clock, words, out, start = (options) => new ChildNode(options) } = this.#options;
    const child = start({
      id,
      words: words.get(id) ?? [],
      out: (line) => out(`node ${id}: ${line}`),
      error: (line) => this.#said(id, line),
    });
    const place = {
      child,
      startedMs: clock.monotonicMs(),
      delayMs,
      isReady: false,
      hasEnded: false,
    };
    void child.ready.then(() => {
      place.isReady = true;
    });
    void child.ended.then((ending) => this.#ended(id, ending));
    return place;
  }

  #said(id: number, line: string): void {
    if (this.#state !== "starting" || LOG_LINE.test(line)) {
      this.#options.error(`node ${id}: ${line}`);
    } else {
      this.#complaints.set(id, [...(this.#complaints.get(id) ?? []), line]);
    }
  }

  #ended(id: number, ending: Ending): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    place.hasEnded = true;
    if (this.#state === "stopping") return;
    if (this.#state === "starting") {
      const said = this.#complaints.get(id)?.join("\n") ?? describe(ending);
      this.#failure.reject(new NodeEndedError(`node ${id}: ${said}`));
      return;
    }
    const { clock, error } = this.#options;
    const livedMs = clock.monotonicMs() - place.startedMs;
    const delayMs = livedMs > LONG_LIFE_MS ? DELAY_MS_MIN : place.delayMs;
    error(`node ${id} has ended (${describe(ending)}): it is started again in ${delayMs} ms`);
    const timer = clock.schedule(delayMs, () => {
      this.#timers.delete(timer);
      const next = Math.min(delayMs * 2, DELAY_MS_MAX);
      this.#places.set(id, this.#live(id, next));
    });
    this.#timers.add(timer);
  }

  #tellComplaints(): void {
    for (const [id, lines] of this.#complaints) {
      for (const line of lines) this.#options.error(`node ${id}: ${line}`);
    }
    this.#complaints.clear();
  }
}

/** A node could not be started; the message says which, and what it said. */
export class NodeEndedError extends Error {}

function describe({ exitCode, signal }: Ending): string {
  return signal === null ? `exit code ${exitCode}` : signal;
}
