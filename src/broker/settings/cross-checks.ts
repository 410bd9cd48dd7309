/** Settings that must agree with each other. */
import { isHostName } from "./host-port.ts";
import {
  consumerAssignors,
  shareAssignors,
  isBroker,
  isController,
  logDirectories,
  logRetentionMs,
  logRollJitterMs,
  logRollMs,
  quorumVoters,
  selectsReplicasByRack,
} from "./effective.ts";
import { checkGroupBounds } from "./group-bounds.ts";
import { parsePairs, protocolsOf, readListeners, type Listeners } from "./listeners.ts";
import { SettingError } from "./setting-error.ts";
import type { Settings } from "./settings.ts";

/** Throws a `SettingError` for the first settings that contradict each other. */
export function checkTogether(settings: Settings): void {
  checkGroupProtocols(settings);
  checkGroupBounds(settings);
  checkNumbers(settings);
  const listeners = readListeners(settings);
  checkEarlyListeners(settings, listeners);
  checkQuorum(settings, listeners);
  if (isBroker(settings)) checkBrokerListeners(settings, listeners);
  checkAdvertisedHosts(listeners);
  checkSasl(settings, listeners);
  checkConnections(settings);
}

function ensure(holds: boolean, message: string): void {
  if (!holds) throw new SettingError(message);
}

function checkGroupProtocols(settings: Settings): void {
  ensure(
    settings.get("group.coordinator.rebalance.protocols").includes("classic"),
    "group.coordinator.rebalance.protocols must contain classic",
  );
  consumerAssignors(settings);
  shareAssignors(settings);
}

function checkNumbers(settings: Settings): void {
  ensure(
    settings.get("node.id") === settings.get("broker.id"),
    "node.id and broker.id must be the same number",
  );
  ensure(logRollMs(settings) >= 1, "log.roll.ms must be at least 1");
  ensure(logRollJitterMs(settings) >= 0, "log.roll.jitter.ms must be at least 0");
  const retentionMs = logRetentionMs(settings);
  ensure(
    retentionMs >= 1 || retentionMs === -1,
    "log.retention.ms must be at least 1, or -1 to keep records for ever",
  );
  ensure(
    settings.get("log.cleaner.dedupe.buffer.size") / settings.get("log.cleaner.threads") >
      1_048_576,
    "log.cleaner.dedupe.buffer.size must hold more than 1 MiB for each of log.cleaner.threads",
  );
  selectsReplicasByRack(settings);
  ensure(
    settings.get("replica.fetch.wait.max.ms") <= settings.get("replica.socket.timeout.ms"),
    "replica.fetch.wait.max.ms must not be more than replica.socket.timeout.ms",
  );
  ensure(
    settings.get("replica.fetch.wait.max.ms") <= settings.get("replica.lag.time.max.ms"),
    "replica.fetch.wait.max.ms must not be more than replica.lag.time.max.ms",
  );
}

function checkEarlyListeners(settings: Settings, listeners: Listeners): void {
  for (const name of settings.get("early.start.listeners") ?? []) {
    ensure(
      listeners.all.some((listener) => listener.name === name) || name === "",
      `early.start.listeners names ${name}, which is not among listeners`,
    );
  }
}

function checkQuorum(settings: Settings, listeners: Listeners): void {
  const voters = quorumVoters(settings).map((voter) => voter.id);
  const nodeId = settings.get("node.id");
  ensure(
    voters.length > 0 || settings.get("controller.quorum.bootstrap.servers").length > 0,
    "No controller is known: set controller.quorum.bootstrap.servers or controller.quorum.voters",
  );
  if (!isController(settings)) {
    ensure(
      !voters.includes(nodeId),
      `controller.quorum.voters names node.id ${nodeId}, which is no controller by process.roles`,
    );
    checkForeignControllers(settings, listeners);
    return;
  }
  if (!isBroker(settings)) checkControllerOnly(settings, listeners);
  ensure(
    voters.length === 0 || voters.includes(nodeId),
    `controller.quorum.voters does not name node.id ${nodeId}, a controller by process.roles`,
  );
  ensure(
    listeners.advertisedController.length > 0,
    "None of controller.listener.names is among listeners, which a controller needs",
  );
  const names = listeners.all.map((listener) => listener.name);
  ensure(
    listeners.controllerNames.every((name) => names.includes(name)),
    "Each of controller.listener.names must be among listeners on a controller",
  );
}

function checkForeignControllers(settings: Settings, listeners: Listeners): void {
  ensure(
    listeners.controller.length === 0,
    "None of controller.listener.names may be among listeners when process.roles=broker",
  );
  const protocols = protocolsOf(settings);
  for (const name of listeners.controllerNames) {
    ensure(
      protocols.has(name.toUpperCase()),
      `listener.security.protocol.map has no protocol for ${name.toUpperCase()}, one of ` +
        "controller.listener.names",
    );
  }
  ensure(
    !settings.get("controller.quorum.auto.join.enable"),
    "controller.quorum.auto.join.enable is for controllers only, by process.roles",
  );
}

function checkControllerOnly(settings: Settings, listeners: Listeners): void {
  ensure(
    listeners.advertisedController.length === listeners.all.length,
    "All listeners must be among controller.listener.names when process.roles=controller",
  );
  const interBroker = settings.get("inter.broker.listener.name");
  ensure(
    interBroker === null || !listeners.controllerNames.includes(listeners.interBroker.name),
    "inter.broker.listener.name must not be among controller.listener.names",
  );
}

function checkBrokerListeners(settings: Settings, listeners: Listeners): void {
  const advertised = listeners.advertised.map((listener) => listener.name);
  const all = listeners.all.map((listener) => listener.name);
  ensure(
    advertised.length > 0,
    "No listener is left to advertise for the broker: all are among controller.listener.names",
  );
  ensure(
    advertised.includes(listeners.interBroker.name),
    `inter.broker.listener.name ${listeners.interBroker.name} is not advertised: there are ` +
      advertised.join(","),
  );
  ensure(
    advertised.every((name) => all.includes(name)),
    `advertised.listeners has ${advertised.join(",")}, of which some are not among listeners`,
  );
  checkCordoned(settings);
}

function checkCordoned(settings: Settings): void {
  const cordoned = settings.get("cordoned.log.dirs") ?? [];
  if (cordoned.includes("*")) {
    ensure(cordoned.length === 1, "cordoned.log.dirs must be * alone, or directories");
    return;
  }
  const known = logDirectories(settings);
  const unknown = cordoned.filter((directory) => !known.includes(directory));
  ensure(unknown.length === 0, `cordoned.log.dirs has ${unknown.join(",")}, not among log.dirs`);
}

function checkAdvertisedHosts(listeners: Listeners): void {
  for (const listener of [...listeners.advertised, ...listeners.advertisedController]) {
    ensure(
      listener.host !== "0.0.0.0",
      "advertised.listeners must not have 0.0.0.0, which nobody can connect to",
    );
  }
}

function checkSasl(settings: Settings, listeners: Listeners): void {
  const { name, protocol } = listeners.interBroker;
  if (protocol !== "SASL_PLAINTEXT" && protocol !== "SASL_SSL") return;
  const mechanism = settings.get("sasl.mechanism.inter.broker.protocol");
  ensure(
    settings.getFor(name, "sasl.enabled.mechanisms").includes(mechanism),
    `sasl.mechanism.inter.broker.protocol ${mechanism} is not among sasl.enabled.mechanisms`,
  );
}

function checkConnections(settings: Settings): void {
  const queuedBytesMax = settings.get("queued.max.request.bytes");
  ensure(
    queuedBytesMax <= 0 || queuedBytesMax >= settings.get("socket.request.max.bytes"),
    "queued.max.request.bytes must be at least socket.request.max.bytes",
  );
  const name = "max.connections.per.ip.overrides";
  const overrides = parsePairs(name, settings.get(name));
  ensure(
    settings.get("max.connections.per.ip") !== 0 || overrides.length > 0,
    `max.connections.per.ip must be at least 1 unless ${name} is set`,
  );
  for (const [, count] of overrides) {
    ensure(/^[+-]?\d{1,10}$/.test(count), `${name} has a count that is no number: ${count}`);
  }
  const invalid = overrides.map(([host]) => host).filter((host) => !isHostName(host));
  ensure(invalid.length === 0, `${name} has what is no address: ${invalid.join(",")}`);
  const idleMs = settings.get("connections.max.idle.ms");
  const delayMs = settings.get("connection.failed.authentication.delay.ms");
  ensure(
    idleMs < 0 || delayMs < idleMs,
    `connection.failed.authentication.delay.ms (${delayMs}) must be less than ` +
      `connections.max.idle.ms (${idleMs})`,
  );
}
