/** Settings that must agree with each other. The messages are Kafka's. */
import { isHostName } from "./host-port.ts";
import {
  isBroker,
  isController,
  logDirectories,
  logRetentionMs,
  logRollJitterMs,
  logRollMs,
  quorumVoters,
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

function require(holds: boolean, message: string): void {
  if (!holds) throw new SettingError(message);
}

function checkGroupProtocols(settings: Settings): void {
  require(settings
    .get("group.coordinator.rebalance.protocols")
    .includes("classic"), "Disabling the 'classic' protocol is not supported.");
}

function checkNumbers(settings: Settings): void {
  require(settings.get("node.id") ===
    settings.get("broker.id"), "You must set `node.id` to the same value as `broker.id`.");
  require(logRollMs(settings) >= 1, "log.roll.ms must be greater than or equal to 1");
  require(logRollJitterMs(settings) >= 0, "log.roll.jitter.ms must be greater than or equal to 0");
  const retentionMs = logRetentionMs(settings);
  require(retentionMs >= 1 ||
    retentionMs === -1, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
  require(settings.get("log.cleaner.dedupe.buffer.size") / settings.get("log.cleaner.threads") >
    1_048_576, "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.");
  require(settings.get("replica.fetch.wait.max.ms") <=
    settings.get(
      "replica.socket.timeout.ms",
    ), "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent " +
    "unnecessary socket timeouts");
  require(settings.get("replica.fetch.wait.max.ms") <=
    settings.get(
      "replica.lag.time.max.ms",
    ), "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms " +
    "to prevent frequent changes in ISR");
}

function checkEarlyListeners(settings: Settings, listeners: Listeners): void {
  for (const name of settings.get("early.start.listeners") ?? []) {
    require(listeners.all.some((listener) => listener.name === name) ||
      name ===
        "", `early.start.listeners contains listener ${name}, but this is not contained in listeners ` +
      "or controller.listener.names");
  }
}

function checkQuorum(settings: Settings, listeners: Listeners): void {
  const voters = quorumVoters(settings).map((voter) => voter.id);
  const nodeId = settings.get("node.id");
  const shown = `controller.quorum.voters=Set(${voters.join(", ")})`;
  require(voters.length > 0 ||
    settings.get("controller.quorum.bootstrap.servers").length >
      0, "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of " +
    "bootstrap controllers or controller.quorum.voters must contain a parseable set of " +
    "controllers.");
  if (!isController(settings)) {
    require(!voters.includes(
      nodeId,
    ), `If process.roles contains just the 'broker' role, the node id ${nodeId} must not be ` +
      `included in the set of voters ${shown}`);
    checkForeignControllers(settings, listeners);
    return;
  }
  if (!isBroker(settings)) checkControllerOnly(settings, listeners);
  require(voters.length === 0 ||
    voters.includes(
      nodeId,
    ), `If process.roles contains the 'controller' role, the node id ${nodeId} must be included in ` +
    `the set of voters ${shown}`);
  require(listeners.advertisedController.length >
    0, "controller.listener.names must contain at least one value appearing in the 'listeners' " +
    "configuration when running the KRaft controller role");
  const names = listeners.all.map((listener) => listener.name);
  require(listeners.controllerNames.every((name) =>
    names.includes(name),
  ), "controller.listener.names must only contain values appearing in the 'listeners' " +
    "configuration when running the KRaft controller role");
}

function checkForeignControllers(settings: Settings, listeners: Listeners): void {
  require(listeners.controller.length ===
    0, "controller.listener.names must not contain a value appearing in the 'listeners' " +
    "configuration when running KRaft with just the broker role");
  const protocols = protocolsOf(settings);
  for (const name of listeners.controllerNames) {
    require(protocols.has(
      name.toUpperCase(),
    ), `Controller listener with name ${name.toUpperCase()} defined in controller.listener.names ` +
      "not found in listener.security.protocol.map  (an explicit security mapping for each " +
      "controller listener is required if listener.security.protocol.map is non-empty, or if " +
      "there are security protocols other than PLAINTEXT in use)");
  }
  require(!settings.get(
    "controller.quorum.auto.join.enable",
  ), "controller.quorum.auto.join.enable is only supported when process.roles contains the " +
    "'controller' role.");
}

function checkControllerOnly(settings: Settings, listeners: Listeners): void {
  require(listeners.advertisedController.length ===
    listeners.all
      .length, "The listeners config must only contain KRaft controller listeners from " +
    "controller.listener.names when process.roles=controller");
  const interBroker = settings.get("inter.broker.listener.name");
  require(interBroker === null ||
    !listeners.controllerNames.includes(
      listeners.interBroker.name,
    ), "controller.listener.names must not contain an explicitly set inter.broker.listener.name " +
    "configuration value when process.roles=controller'");
}

function checkBrokerListeners(settings: Settings, listeners: Listeners): void {
  const advertised = listeners.advertised.map((listener) => listener.name);
  const all = listeners.all.map((listener) => listener.name);
  require(advertised.length >
    0, "There must be at least one broker advertised listener. Perhaps all listeners appear in " +
    "controller.listener.names?");
  require(advertised.includes(
    listeners.interBroker.name,
  ), "inter.broker.listener.name must be a listener name defined in advertised.listeners. The " +
    `valid options based on currently configured listeners are ${advertised.join(",")}`);
  require(advertised.every((name) =>
    all.includes(name),
  ), "advertised.listeners listener names must be equal to or a subset of the ones defined in " +
    `listeners. Found ${advertised.join(",")}. The valid options based on the current ` +
    `configuration are ${all.join(",")}`);
  checkCordoned(settings);
}

function checkCordoned(settings: Settings): void {
  const cordoned = settings.get("cordoned.log.dirs") ?? [];
  if (cordoned.includes("*")) {
    require(cordoned.length ===
      1, "When cordoned.log.dirs is set to *, it must not contain other values");
    return;
  }
  const known = logDirectories(settings);
  const unknown = cordoned.filter((directory) => !known.includes(directory));
  require(unknown.length ===
    0, "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : " +
    unknown.join(", "));
}

function checkAdvertisedHosts(listeners: Listeners): void {
  for (const listener of [...listeners.advertised, ...listeners.advertisedController]) {
    require(listener.host !==
      "0.0.0.0", "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP " +
      "address.");
  }
}

function checkSasl(settings: Settings, listeners: Listeners): void {
  const { name, protocol } = listeners.interBroker;
  if (protocol !== "SASL_PLAINTEXT" && protocol !== "SASL_SSL") return;
  const mechanism = settings.get("sasl.mechanism.inter.broker.protocol");
  require(settings
    .getFor(name, "sasl.enabled.mechanisms")
    .includes(
      mechanism,
    ), "sasl.mechanism.inter.broker.protocol must be included in sasl.enabled.mechanisms when SASL " +
    "is used for inter-broker communication");
}

function checkConnections(settings: Settings): void {
  const queuedBytesMax = settings.get("queued.max.request.bytes");
  require(queuedBytesMax <= 0 ||
    queuedBytesMax >=
      settings.get(
        "socket.request.max.bytes",
      ), "queued.max.request.bytes must be larger or equal to socket.request.max.bytes");
  const name = "max.connections.per.ip.overrides";
  const overrides = parsePairs(name, settings.get(name));
  require(settings.get("max.connections.per.ip") !== 0 ||
    overrides.length >
      0, `max.connections.per.ip can be set to zero only if ${name} property is set.`);
  for (const [, count] of overrides) {
    require(/^[+-]?\d{1,10}$/.test(count), `For input string: "${count}"`);
  }
  const invalid = overrides.map(([host]) => host).filter((host) => !isHostName(host));
  require(invalid.length === 0, `${name} contains invalid addresses : ${invalid.join(",")}`);
  const idleMs = settings.get("connections.max.idle.ms");
  const delayMs = settings.get("connection.failed.authentication.delay.ms");
  require(idleMs < 0 ||
    delayMs <
      idleMs, `connection.failed.authentication.delay.ms=${delayMs} should always be less than ` +
    `connections.max.idle.ms=${idleMs} to prevent failed authentication responses from timing ` +
    "out");
}
