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
  /** From the start of the process until its port accepted a connection. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  /** Empty, and its own. */
  readonly folder: string;
  /** More lines of settings, for brokers. */
  readonly settings: readonly string[];
}

export type Start = (options: ContenderOptions) => Promise<Contender>;
