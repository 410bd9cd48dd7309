/**
 * What a broker finds wrong with a request to alter settings before the controller sees it: what
 * only this broker can know, and what is malformed.
 */
import {
  ConfigOperation,
  type IncrementalRequest,
  type LegacyRequest,
} from "../../metadata/controller/alter-configs.ts";
import { refusal, type Refusal } from "../../metadata/controller/command.ts";
import { CLUSTER_DEFAULT, ConfigResourceType } from "../../metadata/configs-image.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { brokerTable } from "./broker-settings.ts";
import { checkChange, dynamicSetting } from "./change-settings.ts";
import { SettingError } from "./setting-error.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { formatValue } from "./value.ts";

type IncrementalResource = IncrementalRequest["resources"][number];
type LegacyResource = LegacyRequest["resources"][number];

/** Per resource, in order: null where the controller may decide. */
export function checkIncrementalAlter(
  settings: Settings,
  resources: readonly IncrementalResource[],
): (Refusal | null)[] {
  return checkAll(settings, resources, ({ resourceName, configs }) => {
    const missing = configs.filter(
      ({ configOperation, value }) => configOperation !== ConfigOperation.DELETE && value === null,
    );
    if (missing.length > 0) throw nullValues(missing);
    return (perBroker) => {
      const current = perBroker ? settings.perBroker : settings.clusterWide;
      return incremented(current, configs, resourceName);
    };
  });
}

/** Per resource, in order: null where the controller may decide. */
export function checkLegacyAlter(
  settings: Settings,
  resources: readonly LegacyResource[],
): (Refusal | null)[] {
  return checkAll(settings, resources, ({ configs }) => {
    const missing = configs.filter(({ value }) => value === null);
    if (missing.length > 0) throw nullValues(missing);
    return () => new Map(configs.map(({ name, value }) => [name, value ?? ""]));
  });
}

interface AnyResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly { readonly name: string }[];
}

class Refused extends Error {
  constructor(
    readonly errorCode: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

function checkAll<R extends AnyResource>(
  settings: Settings,
  resources: readonly R[],
  changed: (resource: R) => (perBroker: boolean) => SettingTexts,
): (Refusal | null)[] {
  const idOf = (resource: R) => `${resource.resourceType} ${resource.resourceName}`;
  const byId = Map.groupBy(resources, idOf);
  return resources.map((resource) => {
    if ((byId.get(idOf(resource))?.length ?? 0) > 1) {
      return invalidRequest("Each resource must appear at most once.");
    }
    try {
      checkOne(settings, resource, changed);
      return null;
    } catch (error) {
      if (error instanceof Refused) return refusal(error.errorCode, error.message);
      if (error instanceof SettingError) return invalidRequest(error.message);
      throw error;
    }
  });
}

function checkOne<R extends AnyResource>(
  settings: Settings,
  resource: R,
  changed: (resource: R) => (perBroker: boolean) => SettingTexts,
): void {
  const names = resource.configs.map((config) => config.name);
  if (new Set(names).size < names.length) {
    throw new SettingError("Error due to duplicate config keys");
  }
  const textsOf = changed(resource);
  switch (resource.resourceType) {
    case ConfigResourceType.BROKER: {
      const perBroker = resource.resourceName !== CLUSTER_DEFAULT;
      if (perBroker) checkIsThisBroker(settings, resource.resourceName);
      checkChange(settings, textsOf(perBroker), perBroker);
      return;
    }
    case ConfigResourceType.TOPIC:
    case ConfigResourceType.CLIENT_METRICS:
    case ConfigResourceType.GROUP:
      return;
    default:
      throw new SettingError(`Unknown resource type ${resource.resourceType}`);
  }
}

function checkIsThisBroker(settings: Settings, name: string): void {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    throw new SettingError(`Node id must be an integer, but it is: ${name}`);
  }
  const nodeId = settings.get("node.id");
  if (Number(name) === nodeId) return;
  throw new SettingError(`Unexpected broker id, expected ${nodeId}, but received ${name}`);
}

/** The changed settings of a broker after these operations. */
function incremented(
  current: SettingTexts,
  configs: IncrementalResource["configs"],
  resourceName: string,
): SettingTexts {
  const texts = new Map(current);
  for (const { name, configOperation, value } of configs) {
    switch (configOperation) {
      case ConfigOperation.SET:
        texts.set(name, value ?? "");
        break;
      case ConfigOperation.DELETE:
        texts.delete(name);
        break;
      case ConfigOperation.APPEND: {
        const items = itemsOf(texts, name, "append");
        const added = itemsIn(value).filter((item) => !items.includes(item));
        texts.set(name, [...items, ...added].join(","));
        break;
      }
      case ConfigOperation.SUBTRACT: {
        const removed = itemsIn(value);
        const items = itemsOf(texts, name, "subtract");
        texts.set(name, items.filter((item) => !removed.includes(item)).join(","));
        break;
      }
      default:
        throw new SettingError(
          `Unknown operations type ${configOperation} for broker '${resourceName}'`,
        );
    }
  }
  return texts;
}

function itemsOf(texts: SettingTexts, name: string, operation: string): string[] {
  const setting = brokerTable.get(name) ?? dynamicSetting(name);
  if (setting === undefined) {
    throw new Refused(ErrorCode.INVALID_CONFIG, `Unknown config name: ${name}`);
  }
  if (setting.type !== "list") {
    const message = `Config value ${operation} is not allowed for config key: ${name}`;
    throw new Refused(ErrorCode.INVALID_CONFIG, message);
  }
  return itemsIn(texts.get(name) ?? formatValue("list", setting.fallback ?? null));
}

function itemsIn(text: string | null): string[] {
  return text === null || text === "" ? [] : text.split(",");
}

function nullValues(configs: readonly { readonly name: string }[]): SettingError {
  const names = configs.map((config) => config.name).join(", ");
  return new SettingError(`Null value not supported for : ${names}`);
}

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
