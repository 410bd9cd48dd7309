/**
 * IncrementalAlterConfigs changes the named settings of a resource; the older AlterConfigs gives
 * it exactly the named ones. For each resource everything is changed, or nothing.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { alterConfigs } from "../../protocol/messages/33-alter-configs.ts";
import type * as incremental from "../../protocol/messages/44-incremental-alter-configs.ts";
import type { Value } from "../../protocol/schema.ts";
import { CLUSTER_DEFAULT, type ConfigResource, ConfigResourceType } from "../configs-image.ts";
import { CORDONED_DIRECTORIES_LEVEL, metadataVersionOf } from "../features.ts";
import type { NewRecord } from "../record.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  type Refusal,
  limited,
  refusal,
} from "./command.ts";

export type IncrementalRequest = Value<typeof incremental.incrementalAlterConfigs.request>;
export type LegacyRequest = Value<typeof alterConfigs.request>;
/** The two APIs answer alike. */
export type AlterConfigsResponse = Value<typeof alterConfigs.response>;

/** Of a setting in IncrementalAlterConfigs. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

/** New values by name; null removes. */
export type ConfigChanges = ReadonlyMap<string, string | null>;

export interface ChangeOptions {
  /** The resource is about to be created by the same command. */
  readonly isNew: boolean;
  /** A broker has already checked what only it can know, as the names of its directories. */
  readonly isForwarded: boolean;
}

type IncrementalResource = IncrementalRequest["resources"][number];
type LegacyResource = LegacyRequest["resources"][number];

export function incrementallyAlterConfigs(
  request: IncrementalRequest,
  isForwarded = true,
): Command<AlterConfigsResponse> {
  return alterAll(request, isForwarded, incrementalChanges);
}

export function replaceConfigs(
  request: LegacyRequest,
  isForwarded = true,
): Command<AlterConfigsResponse> {
  return alterAll(request, isForwarded, legacyChanges);
}

/** Null when a resource may be changed like this; also for the settings of a new topic. */
export function reasonAgainstChanges(
  state: ControllerState,
  resource: ConfigResource,
  changes: ConfigChanges,
  options: ChangeOptions,
): Refusal | null {
  const existing = state.image.configs.of(resource.type, resource.name);
  const configs = new Map(existing);
  for (const [key, value] of changes) {
    const refused = reasonAgainstChange(state, resource, key, value, options.isForwarded);
    if (refused !== null) return refused;
    if (value === null) configs.delete(key);
    else configs.set(key, value);
  }
  const refused = state.rules.configs.check(resource, configs, existing);
  if (refused !== null || options.isNew) return refused;
  return reasonAgainstResource(state, resource);
}

/** A topic's ELR was worked out with its old min.insync.replicas: `records` may change that. */
export function clearElrRecords(
  state: ControllerState,
  records: readonly NewRecord[],
): NewRecord[] {
  if (!state.image.isElrEnabled) return [];
  return records.flatMap((record): NewRecord[] => {
    if (record.name !== "ConfigRecord" || record.value.name !== MIN_ISR) return [];
    const isTopic = record.value.resourceType === ConfigResourceType.TOPIC;
    const topicName = isTopic ? record.value.resourceName : "";
    return [{ name: "ClearElrRecord", version: 0, value: { topicName } }];
  });
}

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(ConfigResourceType));
const VALUE_LENGTH_MAX = 32_767;
const MIN_ISR = "min.insync.replicas";
const CORDONED = "cordoned.log.dirs";

function alterAll<R extends { readonly resourceType: number; readonly resourceName: string }>(
  request: { readonly resources: readonly R[]; readonly validateOnly: boolean },
  isForwarded: boolean,
  changesOf: (state: ControllerState, resource: R) => ConfigChanges | Refusal,
): Command<AlterConfigsResponse> {
  return function* (state) {
    const records: NewRecord[] = [];
    const responses: AlterConfigsResponse["responses"] = [];
    const byId = Map.groupBy(request.resources, (r) => `${r.resourceType} ${r.resourceName}`);
    for (const [resource, ...others] of byId.values()) {
      const { resourceType, resourceName } = resource!;
      const altered = others.length > 0 ? DUPLICATE : alterOne(state, resource!);
      const isRefused = "errorCode" in altered;
      if (!isRefused) records.push(...altered);
      const outcome = isRefused ? altered : DONE;
      responses.push({ ...outcome, resourceType, resourceName });
      yield;
    }
    records.push(...clearElrRecords(state, records));
    const refused = (tooMany: Refusal) => ({
      throttleTimeMs: 0,
      responses: responses.map((response) => ({ ...response, ...tooMany })),
    });
    return limited(records, { throttleTimeMs: 0, responses }, refused, request.validateOnly);
  };

  function alterOne(state: ControllerState, given: R): NewRecord[] | Refusal {
    const resource = { type: given.resourceType, name: given.resourceName };
    if (!KNOWN_TYPES.has(resource.type)) {
      const message = `Unknown resource type ${resource.type}.`;
      return refusal(ErrorCode.UNSUPPORTED_VERSION, message);
    }
    const changes = changesOf(state, given);
    if (isRefusal(changes)) return changes;
    const options = { isNew: false, isForwarded };
    const refused = reasonAgainstChanges(state, resource, changes, options);
    if (refused !== null) return refused;
    return [...changes].map(([name, value]) => ({
      name: "ConfigRecord",
      version: 0,
      value: { resourceType: resource.type, resourceName: resource.name, name, value },
    }));
  }
}

const OPERATIONS: ReadonlySet<number> = new Set(Object.values(ConfigOperation));
const DUPLICATE = refusal(ErrorCode.INVALID_REQUEST, "Duplicate resource.");

function isRefusal(changes: ConfigChanges | Refusal): changes is Refusal {
  return "errorCode" in changes;
}

function incrementalChanges(
  state: ControllerState,
  { resourceType, resourceName, configs }: IncrementalResource,
): ConfigChanges | Refusal {
  const changes = new Map<string, string | null>();
  for (const { name, configOperation, value } of configs) {
    if (!OPERATIONS.has(configOperation)) {
      return refusal(ErrorCode.INVALID_REQUEST, `Unknown operation type ${configOperation}`);
    }
    const current = state.image.configs.get(resourceType, resourceName, name);
    const isListOperation =
      configOperation === ConfigOperation.APPEND || configOperation === ConfigOperation.SUBTRACT;
    if (isListOperation && !state.rules.configs.isList(resourceType, name)) {
      const operation = configOperation === ConfigOperation.APPEND ? "APPEND" : "SUBTRACT";
      const message = `Can't ${operation} to key ${name} because its type is not LIST.`;
      return refusal(ErrorCode.INVALID_CONFIG, message);
    }
    const old = current ?? state.rules.configs.defaultOf(resourceType, name);
    const changed = changedValue(configOperation, value, old);
    // A broker is told of its settings again even when they stay, so that it reloads files.
    if (changed === current && resourceType !== ConfigResourceType.BROKER) changes.delete(name);
    else changes.set(name, changed);
  }
  return changes;
}

function changedValue(operation: number, value: string | null, old: string | null): string | null {
  const items = (text: string | null) => (text ?? "").split(",").filter((item) => item !== "");
  switch (operation) {
    case ConfigOperation.DELETE:
      return null;
    case ConfigOperation.APPEND: {
      const present = items(old);
      const added = items(value).filter((item) => !present.includes(item));
      return [...present, ...new Set(added)].join(",");
    }
    case ConfigOperation.SUBTRACT: {
      const removed = items(value);
      return items(old)
        .filter((item) => !removed.includes(item))
        .join(",");
    }
    default:
      return value;
  }
}

function legacyChanges(
  state: ControllerState,
  { resourceType, resourceName, configs }: LegacyResource,
): ConfigChanges {
  const existing = state.image.configs.of(resourceType, resourceName);
  const changes = new Map<string, string | null>();
  for (const { name, value } of configs) {
    const isSame = (existing.get(name) ?? null) === value;
    if (!isSame || resourceType === ConfigResourceType.BROKER) changes.set(name, value);
  }
  const named = new Set(configs.map((config) => config.name));
  for (const name of existing.keys()) {
    if (!named.has(name)) changes.set(name, null);
  }
  return changes;
}

/** KIP-966: with ELR, min.insync.replicas of brokers has to be the same everywhere. */
function reasonAgainstChange(
  state: ControllerState,
  { type, name }: ConfigResource,
  key: string,
  value: string | null,
  isForwarded: boolean,
): Refusal | null {
  const invalid = (message: string) => refusal(ErrorCode.INVALID_CONFIG, message);
  const isBroker = type === ConfigResourceType.BROKER;
  if (isBroker && key === MIN_ISR && state.image.isElrEnabled) {
    const setting = `level ${MIN_ISR} cannot be`;
    if (name !== CLUSTER_DEFAULT) {
      return invalid(`Broker-${setting} altered while ELR is enabled.`);
    }
    if (value === null) return invalid(`Cluster-${setting} removed while ELR is enabled.`);
  }
  if (isBroker && key === CORDONED) {
    const reason = reasonAgainstCordoned(state, name, value, isForwarded);
    if (reason !== null) return invalid(reason);
  }
  if (value !== null && value.length > VALUE_LENGTH_MAX) {
    const limit = `the maximum value size of ${VALUE_LENGTH_MAX} bytes`;
    return invalid(`The configuration value cannot be added because it exceeds ${limit}.`);
  }
  return null;
}

/** Only a broker knows its directories; past it, they can only become fewer. */
function reasonAgainstCordoned(
  state: ControllerState,
  name: string,
  value: string | null,
  isForwarded: boolean,
): string | null {
  if (state.image.metadataVersion < CORDONED_DIRECTORIES_LEVEL) {
    const needed = metadataVersionOf(CORDONED_DIRECTORIES_LEVEL)?.name;
    return (
      `The ${CORDONED} configuration value cannot be set because it requires ` +
      `metadata.version >= ${needed}`
    );
  }
  const wanted = directoriesIn(value);
  if (isForwarded || wanted.length === 0) return null;
  const present = directoriesIn(state.image.configs.get(ConfigResourceType.BROKER, name, CORDONED));
  if (wanted.every((directory) => present.includes(directory))) return null;
  return (
    `When updating ${CORDONED} via controllers,  the new value must be a subset of the ` +
    `current configuration value.`
  );
}

function directoriesIn(value: string | null): string[] {
  const text = value?.trim() ?? "";
  return text === "" ? [] : text.split(/\s*,\s*/);
}

function reasonAgainstResource(state: ControllerState, resource: ConfigResource): Refusal | null {
  const { type, name } = resource;
  const { topics, cluster } = state.image;
  if (type === ConfigResourceType.TOPIC && topics.byName(name) === null) {
    const message = `The topic '${name}' does not exist.`;
    return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
  }
  if (type !== ConfigResourceType.BROKER || name === CLUSTER_DEFAULT) return null;
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return refusal(ErrorCode.INVALID_REQUEST, `Invalid broker name ${name}`);
  }
  const id = Number(name);
  const isKnown = cluster.brokers.has(id) || cluster.controllers.has(id);
  if (isKnown || id === state.rules.nodeId) return null;
  return refusal(ErrorCode.BROKER_ID_NOT_REGISTERED, `No node with id ${id} found.`);
}
