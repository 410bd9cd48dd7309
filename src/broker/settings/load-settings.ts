/**
 * From a file and a command line to settings that hold together.
 *
 * Without a file a broker is a cluster of its own, for one person on one machine: what Kafka's
 * sample file says, on the loopback address, with its data below the current directory.
 */
import { checkTogether } from "./cross-checks.ts";
import { refuseUnguarded } from "./not-yet.ts";
import { metricsListener, metricsPartitionsMax, otlpTarget } from "./own-settings.ts";
import { Settings, type SettingTexts } from "./settings.ts";

/** Throws a `SettingError` that names what is wrong, in one line. */
export function loadSettings(given: SettingTexts): Settings {
  const settings = new Settings(given);
  checkTogether(settings);
  refuseUnguarded(settings);
  otlpTarget(given);
  metricsListener(given);
  metricsPartitionsMax(given);
  return settings;
}

/** What a broker without a file is given, completed by what its command line says. */
export function settingsWithoutFile(overrides: SettingTexts): Map<string, string> {
  const given = new Map(overrides);
  const add = (name: string, text: string) => {
    if (!given.has(name)) given.set(name, text);
  };
  if (!given.has("broker.id")) add("node.id", "1");
  add("process.roles", "broker,controller");
  add("controller.listener.names", "CONTROLLER");
  given.set("listeners", withController(given.get("listeners"), given));
  if (!given.has("controller.quorum.bootstrap.servers")) {
    const nodeId = given.get("node.id") ?? given.get("broker.id") ?? "";
    add("controller.quorum.voters", `${nodeId}@localhost:9093`);
  }
  if (!given.has("log.dir")) add("log.dirs", "./data");
  for (const name of COPIES_OF_INTERNAL_TOPICS) add(name, "1");
  return given;
}

/** Three by default, which one broker cannot hold. */
const COPIES_OF_INTERNAL_TOPICS = [
  "offsets.topic.replication.factor",
  "transaction.state.log.replication.factor",
  "transaction.state.log.min.isr",
  "share.coordinator.state.topic.replication.factor",
  "share.coordinator.state.topic.min.isr",
];

/** A controller listener is added where none is named: on any free port beside a chosen one. */
function withController(listeners: string | undefined, given: SettingTexts): string {
  if (listeners === undefined) return "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093";
  if (given.get("controller.listener.names") !== "CONTROLLER") return listeners;
  if (given.get("process.roles") !== "broker,controller") return listeners;
  if (/(^|,)\s*CONTROLLER:/i.test(listeners)) return listeners;
  return `${listeners},CONTROLLER://127.0.0.1:0`;
}
