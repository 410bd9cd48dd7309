/** The addresses of controllers: `controller.quorum.voters` and `.bootstrap.servers`. */
import { parseHostPort, type HostPort } from "./host-port.ts";
import { SettingError } from "./setting-error.ts";

export interface QuorumVoter extends HostPort {
  readonly id: number;
}

/** `id@host:port` each; a later entry replaces an earlier one of the same id. */
export function parseVoters(entries: readonly string[]): QuorumVoter[] {
  const voters = new Map<number, QuorumVoter>();
  for (const entry of entries) {
    const voter = parseVoter(entry);
    voters.set(voter.id, voter);
  }
  return [...voters.values()];
}

/** `host:port` */
export function parseQuorumServer(entry: string): HostPort {
  const address = parseHostPort(entry);
  if (address !== null) return address;
  throw new SettingError(
    `Failed to parse host name from ${entry} for the configuration ` +
      'controller.quorum.bootstrap.servers. Each entry should be in the form "{host}:{port}"',
  );
}

function parseVoter(entry: string): QuorumVoter {
  const form = "Each entry should be in the form `{id}@{host}:{port}`.";
  const [id = "", text = "", ...rest] = entry.split("@");
  if (id === "" || text === "" || rest.length > 0) {
    throw new SettingError(`Invalid configuration value for controller.quorum.voters. ${form}`);
  }
  if (!/^[+-]?\d{1,10}$/.test(id)) {
    throw new SettingError(`Failed to parse voter ID as an integer from ${id}`);
  }
  const address = parseHostPort(text);
  if (address === null) {
    throw new SettingError(
      `Failed to parse host name from entry ${entry} for the configuration ` +
        `controller.quorum.voters. ${form}`,
    );
  }
  return { id: Number(id), ...address };
}
