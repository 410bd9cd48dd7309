/** IncrementalAlterConfigs for the loggers of this node (KIP-412): checked, and done at once. */
import {
  LOG_LEVEL_NAMES,
  ROOT_LOGGER,
  type LogLevelName,
  type LogLevels,
} from "../base/log-levels.ts";
import { ConfigOperation, type IncrementalRequest } from "../metadata/controller/alter-configs.ts";
import { refusal, type Refusal } from "../metadata/controller/command.ts";
import { ErrorCode } from "../protocol/error-code.ts";

type Resource = IncrementalRequest["resources"][number];
type Change = Resource["configs"][number];

const DONE = refusal(ErrorCode.NONE, null);

export function changeLogLevels(
  levels: LogLevels,
  nodeId: number,
  resource: Resource,
  validateOnly: boolean,
): Refusal {
  const refused =
    reasonAgainstNode(nodeId, resource.resourceName) ??
    firstReason(resource.configs, (change) => reasonAgainst(levels, change));
  if (refused !== null) return refused;
  if (validateOnly) return DONE;
  for (const { name, configOperation, value } of resource.configs) {
    levels.set(name, configOperation === ConfigOperation.SET ? levelNamed(value) : null);
  }
  return DONE;
}

function firstReason(
  changes: readonly Change[],
  reasonOf: (change: Change) => Refusal | null,
): Refusal | null {
  for (const change of changes) {
    const reason = reasonOf(change);
    if (reason !== null) return reason;
  }
  return null;
}

function reasonAgainstNode(nodeId: number, name: string): Refusal | null {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return invalidRequest(`Node id must be an integer, but it is: ${name}`);
  }
  const asked = Number(name);
  if (asked === nodeId) return null;
  return invalidRequest(`Unexpected node id. Expected ${nodeId}, but received ${asked}`);
}

function reasonAgainst(levels: LogLevels, change: Change): Refusal | null {
  const { name, configOperation, value } = change;
  switch (configOperation) {
    case ConfigOperation.SET:
      if (!levels.has(name)) return noSuchLogger(name);
      return levelNamed(value) === null ? noSuchLevel(name, value) : null;
    case ConfigOperation.DELETE:
      if (!levels.has(name)) return noSuchLogger(name);
      if (name !== ROOT_LOGGER) return null;
      return invalidRequest(`Removing the log level of the ${ROOT_LOGGER} logger is not allowed`);
    case ConfigOperation.APPEND:
      return notAllowed("APPEND operation");
    case ConfigOperation.SUBTRACT:
      return notAllowed("SUBTRACT operation");
    default:
      return notAllowed(`Unknown operation type ${configOperation}`);
  }
}

function levelNamed(text: string | null): LogLevelName | null {
  return LOG_LEVEL_NAMES.find((level) => level === text) ?? null;
}

function noSuchLogger(name: string): Refusal {
  return refusal(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
}

function noSuchLevel(name: string, value: string | null): Refusal {
  const valid = LOG_LEVEL_NAMES.toSorted().join(", ");
  return refusal(
    ErrorCode.INVALID_CONFIG,
    `Cannot set the log level of ${name} to ${value} as it is not a supported log level. ` +
      `Valid log levels are ${valid}`,
  );
}

function notAllowed(what: string): Refusal {
  return invalidRequest(`${what} is not allowed for the BROKER_LOGGER resource`);
}

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
