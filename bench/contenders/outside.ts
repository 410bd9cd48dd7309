/** A broker that runs already, wherever it is. */
import type { Contender } from "./contender.ts";

export interface OutsideOptions {
  readonly bootstrap: string;
  /** Where it runs on this machine and its figures may be read. */
  readonly pid: number | null;
}

export function outside({ bootstrap, pid }: OutsideOptions): Contender {
  const colon = bootstrap.lastIndexOf(":");
  const port = Number(bootstrap.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) throw new Error(`${bootstrap} is not HOST:PORT`);
  return {
    name: "other",
    host: bootstrap.slice(0, colon),
    port,
    pids: pid === null ? [] : [pid],
    dataDirectories: [],
    isFloor: false,
    startedMs: NaN,
    async stop() {},
  };
}
