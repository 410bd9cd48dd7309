/** Who is measured: a broker, or the floor, as a process of its own wherever we start it. */
export interface Contender {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Null for a broker of somebody else: nothing is known of its CPU and memory then. */
  readonly pid: number | null;
  readonly dataDirectory: string | null;
  /** The floor answers plain Produce requests and nothing else. */
  readonly isFloor: boolean;
  /** Of `performance.now()`, when the process was asked for. */
  readonly startedMs: number;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  /** Its own; emptied first. */
  readonly folder: string;
  /** More lines of settings, for brokers. */
  readonly settings: readonly string[];
  /** On what the last one left in the folder. */
  readonly isRestart?: boolean;
}

export type Start = (options: ContenderOptions) => Promise<Contender>;
