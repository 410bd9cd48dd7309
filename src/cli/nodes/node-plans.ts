/**
 * What each of the nodes of one host is set to. All get the same file and the same overrides; what
 * must differ is put before those:
 *
 *     node 1   PLAINTEXT 9092   CONTROLLER 19092   data/1     voter of the quorum
 *     node 2   PLAINTEXT 9093   CONTROLLER 19093   data/2     voter
 *     node 3   PLAINTEXT 9094   CONTROLLER 19094   data/3     voter
 *     node 4   PLAINTEXT 9095                      data/4     broker alone
 *
 * Three voters are enough for one host, and two would be worse than one: less than three nodes have
 * one voter. Where a cluster grows to three, the new controllers join the quorum by themselves.
 */
import { logDirectories } from "../../broker/settings/effective.ts";
import { SettingError } from "../../broker/settings/setting-error.ts";
import { Settings, type SettingTexts } from "../../broker/settings/settings.ts";
import { UsageError } from "../arguments.ts";
import type { ClusterFile } from "./cluster-file.ts";

export interface NodePlan {
  readonly id: number;
  readonly isController: boolean;
  /** These go before what file and command line say. */
  readonly overrides: SettingTexts;
}

const CONTROLLERS = 3;
/** How far the ports of controllers are from those of brokers. */
const CONTROLLER_PORT_DISTANCE = 10_000;
const PORT_MAX = 65_535;
const ELECTION_TIMEOUT = "controller.quorum.election.timeout.ms";
const ELECTION_TIMEOUT_MS = "200";
const LOCAL_HOST = "127.0.0.1";

/** What `--nodes` itself says of each node; a file may name these, an override may not. */
const CHOSEN_BY_NODES = [
  "node.id",
  "broker.id",
  "process.roles",
  "controller.listener.names",
  "controller.quorum.voters",
  "controller.quorum.bootstrap.servers",
  "controller.quorum.auto.join.enable",
] as const;

export function refuseChosen(overrides: SettingTexts): void {
  for (const name of CHOSEN_BY_NODES) {
    if (overrides.has(name)) throw new UsageError(`with --nodes, ${name} cannot be given`);
  }
}

export function isFirstVoter(id: number, count: number): boolean {
  return id <= (count < CONTROLLERS ? 1 : CONTROLLERS);
}

/** The folders that have one for each node in them. */
export function baseDirectories(texts: SettingTexts): readonly string[] {
  const directories = logDirectories(new Settings(texts)).filter((path) => path !== "");
  if (directories.length === 0) throw new SettingError("log.dirs names no log directory");
  return directories;
}

/** Where the controllers of a new cluster shall listen. `freePort` is asked where port 0 is. */
export function controllerAddresses(
  texts: SettingTexts,
  freePort: () => number,
): { readonly controllerHost: string; readonly controllerPorts: readonly number[] } {
  const [first = ""] = brokerListeners(texts);
  const port = portOf(first);
  const host = /:\/\/\[?([^\]]*?)\]?:\d+$/.exec(first)?.[1] ?? "";
  const controllerPorts = Array.from({ length: CONTROLLERS }, (_, index) => {
    if (port === 0) return freePort();
    const distant = port + index * stepOf(texts) + CONTROLLER_PORT_DISTANCE;
    return distant > PORT_MAX ? distant - 2 * CONTROLLER_PORT_DISTANCE : distant;
  });
  const isAny = host === "" || host === "0.0.0.0" || host === "::";
  return { controllerHost: isAny ? LOCAL_HOST : host, controllerPorts };
}

/** `texts` is what file and command line say (`given`), completed where there is no file. */
export function planNodes(
  given: SettingTexts,
  texts: SettingTexts,
  count: number,
  cluster: ClusterFile,
  freePort: () => number,
): NodePlan[] {
  const { controllerHost, controllerPorts, firstVoters } = cluster;
  const controllerCount = count < CONTROLLERS ? 1 : CONTROLLERS;
  const servers = controllerPorts
    .slice(0, controllerCount)
    .map((port) => `${hostText(controllerHost)}:${port}`);
  const plans: NodePlan[] = [];
  for (let id = 1; id <= count; id++) {
    const isController = id <= controllerCount;
    const shift = (id - 1) * stepOf(texts);
    const listeners = brokerListeners(texts).map((entry) => shifted(entry, shift, freePort));
    const own = `CONTROLLER://${hostText(controllerHost)}:${controllerPorts[id - 1]}`;
    const overrides = new Map([
      ["node.id", String(id)],
      ["process.roles", isController ? "broker,controller" : "broker"],
      ["controller.listener.names", "CONTROLLER"],
      ["controller.quorum.voters", ""],
      ["controller.quorum.bootstrap.servers", servers.join(",")],
      ["controller.quorum.auto.join.enable", String(isController && !firstVoters.has(id))],
      ["listeners", [...listeners, ...(isController ? [own] : [])].join(",")],
      [
        "log.dirs",
        baseDirectories(texts)
          .map((base) => `${base}/${id}`)
          .join(","),
      ],
      ...copiesOfInternalTopics(given, count),
    ]);
    // Between nodes of one host an answer takes no second: the first election is over sooner.
    if (!given.has(ELECTION_TIMEOUT)) overrides.set(ELECTION_TIMEOUT, ELECTION_TIMEOUT_MS);
    if (given.has("broker.id")) overrides.set("broker.id", String(id));
    const advertised = advertisedOf(texts, shift, listeners);
    if (advertised !== null) overrides.set("advertised.listeners", advertised);
    const metadata = texts.get("metadata.log.dir");
    if (metadata !== undefined) overrides.set("metadata.log.dir", `${metadata}/${id}`);
    plans.push({ id, isController, overrides });
  }
  return plans;
}

/** The listeners that are not for controllers, as they were given. */
function brokerListeners(texts: SettingTexts): readonly string[] {
  return new Settings(texts).get("listeners").filter((entry) => !isControllers(texts, entry));
}

function isControllers(texts: SettingTexts, entry: string): boolean {
  const names = (texts.get("controller.listener.names") ?? "").split(",");
  const name = entry.split(":")[0]?.toUpperCase();
  return name === "CONTROLLER" || names.some((given) => given.trim().toUpperCase() === name);
}

/** Listeners of one node lie side by side, and the next node's behind them. */
function stepOf(texts: SettingTexts): number {
  const ports = brokerListeners(texts)
    .map(portOf)
    .filter((port) => port > 0);
  return ports.length === 0 ? 0 : Math.max(...ports) - Math.min(...ports) + 1;
}

function portOf(entry: string): number {
  return Number(/:(\d+)$/.exec(entry)?.[1] ?? 0);
}

function shifted(entry: string, by: number, freePort: () => number): string {
  const port = portOf(entry);
  return entry.replace(/:\d+$/, `:${port === 0 ? freePort() : port + by}`);
}

function advertisedOf(
  texts: SettingTexts,
  shift: number,
  listeners: readonly string[],
): string | null {
  const text = texts.get("advertised.listeners");
  if (text === undefined) return null;
  const entries = text.split(",").filter((entry) => !isControllers(texts, entry.trim()));
  const portLike = (entry: string): number => {
    const name = entry.trim().split(":")[0]?.toUpperCase();
    return portOf(
      listeners.find((listener) => listener.split(":")[0]?.toUpperCase() === name) ?? "",
    );
  };
  return entries.map((entry) => shifted(entry.trim(), shift, () => portLike(entry))).join(",");
}

/** As many as there can be, up to Kafka's three, where nobody says otherwise. */
function copiesOfInternalTopics(given: SettingTexts, count: number): [string, string][] {
  const factor = String(Math.min(count, 3));
  const minIsr = String(Math.min(count, 2));
  const wanted = [
    ["offsets.topic.replication.factor", factor],
    ["transaction.state.log.replication.factor", factor],
    ["transaction.state.log.min.isr", minIsr],
    ["share.coordinator.state.topic.replication.factor", factor],
    ["share.coordinator.state.topic.min.isr", minIsr],
  ] as const;
  return wanted.flatMap(([name, value]): [string, string][] =>
    given.has(name) ? [] : [[name, value]],
  );
}

function hostText(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
