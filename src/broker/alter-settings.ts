/**
 * AlterConfigs and IncrementalAlterConfigs: what a broker finds wrong is answered here, levels of
 * loggers are changed here, and the rest goes to the controller.
 *
 *   resources --- refused by this broker ----------------.
 *       |-------- its loggers: done ----------------------+--> one answer each, in their order
 *       `-------- the rest ---> controller ---> outcomes -'
 *
 * On the controller listener all but the loggers goes straight to the controller.
 */
import type { LogLevels } from "../base/log-levels.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import {
  type AlterConfigsResponse,
  ConfigOperation,
  type IncrementalRequest,
  type LegacyRequest,
  incrementallyAlterConfigs,
  replaceConfigs,
} from "../metadata/controller/alter-configs.ts";
import { type Command, type Refusal, refusal } from "../metadata/controller/command.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { changeLogLevels } from "./change-log-levels.ts";
import { checkIncrementalAlter, checkLegacyAlter } from "./settings/check-alter.ts";
import type { Settings } from "./settings/settings.ts";

export interface AlterSettingsOptions {
  readonly settings: Settings;
  readonly nodeId: number;
  readonly logLevels: LogLevels;
  /** The request came in on the controller listener. */
  readonly isController: boolean;
  /** A broker has looked at it: this one, or the one that has passed it on. */
  readonly isChecked: boolean;
}

/** The controller decides on these resources. */
export type Decide<R> = (rest: R[], command: Command<AlterConfigsResponse>) => Promise<Responses>;

export type Responses = Pick<AlterConfigsResponse, "responses">;
type IncrementalResource = IncrementalRequest["resources"][number];

export function alterIncrementally(
  options: AlterSettingsOptions,
  { resources, validateOnly }: IncrementalRequest,
  decide: Decide<IncrementalResource>,
): Promise<Responses> {
  const { nodeId, logLevels, isController } = options;
  const others = resources.filter((resource) => !isLogger(resource));
  const refused = isController ? new Map() : refusedByBroker(options.settings, others);
  const counts = Map.groupBy(resources, idOf);
  const outcomes = resources.map((resource): Refusal | null => {
    if (!isLogger(resource)) return refused.get(resource) ?? reasonAgainstOperations(resource);
    const isRepeated = (counts.get(idOf(resource))?.length ?? 0) > 1;
    const malformed = isController ? null : reasonAgainstLoggers(resource, isRepeated);
    return malformed ?? changeLogLevels(logLevels, nodeId, resource, validateOnly);
  });
  return withController(options, resources, outcomes, (rest) =>
    decide(rest, incrementallyAlterConfigs({ resources: rest, validateOnly }, options.isChecked)),
  );
}

export function replaceAll(
  options: AlterSettingsOptions,
  { resources, validateOnly }: LegacyRequest,
  decide: Decide<LegacyRequest["resources"][number]>,
): Promise<Responses> {
  const { settings, isController } = options;
  const outcomes = isController ? resources.map(() => null) : checkLegacyAlter(settings, resources);
  return withController(options, resources, outcomes, (rest) =>
    decide(rest, replaceConfigs({ resources: rest, validateOnly }, options.isChecked)),
  );
}

interface AnyResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

function refusedByBroker(
  settings: Settings,
  resources: readonly IncrementalResource[],
): Map<IncrementalResource, Refusal | null> {
  const refused = checkIncrementalAlter(settings, resources);
  return new Map(resources.map((resource, index) => [resource, refused[index] ?? null]));
}

/** Where `outcomes` has null the controller decides. */
async function withController<R extends AnyResource>(
  options: AlterSettingsOptions,
  resources: readonly R[],
  outcomes: readonly (Refusal | null)[],
  decide: (rest: R[]) => Promise<Responses>,
): Promise<Responses> {
  const rest = resources.filter((_, index) => outcomes[index] === null);
  const decided = rest.length === 0 ? [] : (await decide(rest)).responses;
  if (options.isController) {
    const own = resources.flatMap(({ resourceType, resourceName }, index) => {
      const outcome = outcomes[index] ?? null;
      return outcome === null ? [] : [{ resourceType, resourceName, ...outcome }];
    });
    return { responses: [...decided, ...own] };
  }
  const byId = new Map(decided.map((response) => [idOf(response), response]));
  const responses = resources.map((resource, index) => {
    const { resourceType, resourceName } = resource;
    const outcome = outcomes[index] ?? byId.get(idOf(resource)) ?? MISSING;
    const { errorCode, errorMessage } = outcome;
    return { resourceType, resourceName, errorCode, errorMessage };
  });
  return { responses };
}

const MISSING = refusal(ErrorCode.UNKNOWN_SERVER_ERROR, null);

function isLogger({ resourceType }: AnyResource): boolean {
  return resourceType === ConfigResourceType.BROKER_LOGGER;
}

function idOf({ resourceType, resourceName }: AnyResource): string {
  return `${resourceType} ${resourceName}`;
}

/** What a broker asks of every other resource, too. */
function reasonAgainstLoggers(
  { configs }: IncrementalResource,
  isRepeated: boolean,
): Refusal | null {
  if (isRepeated) return invalidRequest("Each resource must appear at most once.");
  const names = new Set(configs.map((config) => config.name));
  if (names.size < configs.length) return invalidRequest("Error due to duplicate config keys");
  const withoutValue = configs.filter(
    ({ configOperation, value }) => configOperation !== ConfigOperation.DELETE && value === null,
  );
  if (withoutValue.length === 0) return null;
  const missing = withoutValue.map((config) => config.name).join(", ");
  return invalidRequest(`Null value not supported for : ${missing}`);
}

const KNOWN_OPERATIONS: ReadonlySet<number> = new Set(Object.values(ConfigOperation));

function reasonAgainstOperations({ configs }: IncrementalResource): Refusal | null {
  const unknown = configs.find(({ configOperation }) => !KNOWN_OPERATIONS.has(configOperation));
  if (unknown === undefined) return null;
  return invalidRequest(`Unknown operation type ${unknown.configOperation}`);
}

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
