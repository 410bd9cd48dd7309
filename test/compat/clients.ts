/** The clients: how each is installed and started, and what it needs on the machine. */
import { join } from "node:path";
import { CACHE, COMPAT_FOLDER, installJavaScriptDriver, installKcat } from "./harness/install.ts";

export interface Client {
  readonly name: string;
  /** Executables that must be on the machine; without them the client is skipped. */
  readonly needs: readonly string[];
  readonly install: () => Promise<void>;
  /** The driver's command; the bootstrap address and the scenarios' names are added to it. */
  readonly command: readonly string[];
  /** The name of the file of expected outcomes, where several clients share one. */
  readonly expected?: string;
  /** Broker settings for this client only. */
  readonly overrides?: Readonly<Record<string, string>>;
}

const driver = (name: string, file: string): string => join(COMPAT_FOLDER, "drivers", name, file);
const cached = (name: string, file: string): string => join(CACHE, "drivers", name, file);

export const CLIENTS: readonly Client[] = [
  {
    name: "kafkajs-bun",
    needs: [],
    install: () => installJavaScriptDriver("kafkajs"),
    command: [process.execPath, cached("kafkajs", "driver.mjs")],
    expected: "kafkajs",
  },
  {
    name: "kafkajs-node",
    needs: ["node"],
    install: () => installJavaScriptDriver("kafkajs"),
    command: ["node", cached("kafkajs", "driver.mjs")],
    expected: "kafkajs",
  },
  {
    name: "kcat",
    needs: [Bun.which("kcat") === null ? "apt-get" : "kcat"],
    install: installKcat,
    command: [process.execPath, driver("kcat", "driver.ts")],
    overrides: { "num.partitions": "4" },
  },
];
