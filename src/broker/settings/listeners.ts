/**
 * What the listener settings say together.
 *
 *     listeners                     NAME://host:port, ...   where to listen
 *     advertised.listeners          NAME://host:port, ...   what clients are told
 *     listener.security.protocol.map        NAME:PROTOCOL   how each speaks
 *     controller.listener.names     NAME, ...               which belong to the controller
 *     inter.broker.listener.name    NAME                    which brokers use among each other
 */
import { SettingError } from "./setting-error.ts";
import type { Settings } from "./settings.ts";

export const SECURITY_PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
export type SecurityProtocol = (typeof SECURITY_PROTOCOLS)[number];

export interface ListenerAddress {
  /** In capitals, as Kafka shows it. */
  readonly name: string;
  readonly protocol: SecurityProtocol;
  /** Null for every address of this machine. */
  readonly host: string | null;
  /** 0 asks for any free port. */
  readonly port: number;
}

export interface Listeners {
  readonly all: readonly ListenerAddress[];
  /** Those for clients and brokers. */
  readonly broker: readonly ListenerAddress[];
  readonly controller: readonly ListenerAddress[];
  /** What clients and brokers are told of the broker's listeners. */
  readonly advertised: readonly ListenerAddress[];
  /** What nodes are told of the controller's listeners. */
  readonly advertisedController: readonly ListenerAddress[];
  readonly controllerNames: readonly string[];
  readonly interBroker: { readonly name: string; readonly protocol: SecurityProtocol };
}

/** Throws a `SettingError` when the settings contradict each other. */
export function readListeners(settings: Settings): Listeners {
  const protocols = protocolsOf(settings);
  const controllerNames = settings.get("controller.listener.names");
  const all = parseAddresses(settings.get("listeners"), protocols, true);
  const controller = all.filter((listener) => controllerNames.includes(listener.name));
  const given = settings.get("advertised.listeners");
  const advertised = given === null ? all : parseAddresses(given, protocols, false);
  return {
    all,
    broker: all.filter((listener) => !controllerNames.includes(listener.name)),
    controller,
    advertised: advertised.filter((listener) => !controllerNames.includes(listener.name)),
    advertisedController: controllerNames.flatMap((name) => {
      const own = (listener: ListenerAddress) => listener.name === name.toUpperCase();
      return (given === null ? undefined : advertised.find(own)) ?? controller.find(own) ?? [];
    }),
    controllerNames,
    interBroker: interBrokerOf(settings, protocols),
  };
}

/** Addresses as they can be told to others: free ports are known now, and so is the host. */
export function withPortsAndHost(
  addresses: readonly ListenerAddress[],
  ports: ReadonlyMap<string, number>,
  hostName: string,
): (ListenerAddress & { readonly host: string })[] {
  return addresses.map((address) => ({
    ...address,
    host: address.host ?? hostName,
    port: address.port === 0 ? (ports.get(address.name) ?? 0) : address.port,
  }));
}

/** The protocol of every listener name; unset, controller listeners are plain where all are. */
export function protocolsOf(settings: Settings): Map<string, SecurityProtocol> {
  const setting = "listener.security.protocol.map";
  const protocols = new Map<string, SecurityProtocol>();
  for (const [name, protocol] of parsePairs(setting, settings.get(setting))) {
    protocols.set(name.toUpperCase(), securityProtocol(protocol, setting));
  }
  if (settings.isGiven(setting)) return protocols;
  const controllerNames = settings.get("controller.listener.names");
  const named = [...controllerNames, ...settings.get("listeners").map(nameOf)];
  if (named.some((name) => name !== "PLAINTEXT" && isProtocol(name))) return protocols;
  for (const name of controllerNames) {
    if (name !== "PLAINTEXT") protocols.set(name, "PLAINTEXT");
  }
  return protocols;
}

/** `a:1,b:2`, as Kafka reads maps. */
export function parsePairs(setting: string, text: string): [string, string][] {
  if (text === "") return [];
  return text.split(/\s*,\s*/).map((entry) => {
    const colon = entry.lastIndexOf(":");
    if (colon < 0) {
      throw new SettingError(`Error parsing configuration property '${setting}': ${entry}`);
    }
    return [entry.slice(0, colon).trim(), entry.slice(colon + 1).trim()];
  });
}

function parseAddresses(
  entries: readonly string[],
  protocols: ReadonlyMap<string, SecurityProtocol>,
  portsDiffer: boolean,
): ListenerAddress[] {
  const shown = `[${entries.join(", ")}]`;
  try {
    const addresses = entries.map((entry) => parseAddress(entry, protocols));
    checkDistinct(addresses, shown, portsDiffer);
    return addresses;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new SettingError(`Error creating broker listeners from '${shown}': ${error.message}`);
  }
}

const ADDRESS = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/;

function parseAddress(
  entry: string,
  protocols: ReadonlyMap<string, SecurityProtocol>,
): ListenerAddress {
  const match = ADDRESS.exec(entry);
  if (match === null) throw new SettingError(`Unable to parse ${entry} to a broker endpoint`);
  const [, label = "", host = "", portText = ""] = match;
  const name = label.toUpperCase();
  const port = Number(portText);
  const protocol = protocols.get(name);
  if (protocol === undefined) {
    throw new SettingError(`No security protocol defined for listener ${name}`);
  }
  if (port < 0 || port > 65_535) throw new SettingError(`Port ${portText} of ${entry} is no port`);
  return { name, protocol, host: host === "" ? null : host, port };
}

function checkDistinct(
  addresses: readonly ListenerAddress[],
  shown: string,
  portsDiffer: boolean,
): void {
  if (new Set(addresses.map((address) => address.name)).size < addresses.length) {
    throw new SettingError(`Two listeners have one name: ${shown}`);
  }
  if (!portsDiffer) return;
  const byPort = Map.groupBy(addresses, (address) => address.port);
  for (const [port, sharing] of byPort) {
    if (port !== 0 && sharing.length > 1) checkShared(port, sharing, shown);
  }
}

/** One IPv4 and one IPv6 address may share a port; nothing else may. */
function checkShared(port: number, sharing: readonly ListenerAddress[], shown: string): void {
  const versions = sharing.map((address) => ipVersion(address.host)).sort();
  if (versions.join() === "4,6") return;
  throw new SettingError(`Only an IPv4 and an IPv6 address may share port ${port}: ${shown}`);
}

/** 4, 6, or 0 for a name. */
function ipVersion(host: string | null): 0 | 4 | 6 {
  if (host === null) return 0;
  if (host.includes(":")) return 6;
  const parts = host.split(".");
  const isByte = (part: string) => /^\d{1,3}$/.test(part) && Number(part) < 256;
  return parts.length === 4 && parts.every(isByte) ? 4 : 0;
}

function interBrokerOf(
  settings: Settings,
  protocols: ReadonlyMap<string, SecurityProtocol>,
): { name: string; protocol: SecurityProtocol } {
  const given = settings.get("inter.broker.listener.name");
  if (given === null) {
    const protocol = settings.get("security.inter.broker.protocol");
    return { name: protocol, protocol };
  }
  if (settings.isGiven("security.inter.broker.protocol")) {
    throw new SettingError(
      "Set inter.broker.listener.name or security.inter.broker.protocol, not both",
    );
  }
  const name = given.toUpperCase();
  const protocol = protocols.get(name);
  if (protocol === undefined) {
    throw new SettingError(
      `inter.broker.listener.name ${name} has no protocol in listener.security.protocol.map`,
    );
  }
  return { name, protocol };
}

function nameOf(entry: string): string {
  const colon = entry.indexOf(":");
  if (colon < 0) throw new SettingError(`Unable to parse a listener name from ${entry}`);
  return entry.slice(0, colon).toUpperCase();
}

function securityProtocol(text: string, setting: string): SecurityProtocol {
  const protocol = text.toUpperCase();
  if (isProtocol(protocol)) return protocol;
  throw new SettingError(`Invalid security protocol \`${text}\` defined in ${setting}`);
}

function isProtocol(text: string): text is SecurityProtocol {
  return (SECURITY_PROTOCOLS as readonly string[]).includes(text);
}
