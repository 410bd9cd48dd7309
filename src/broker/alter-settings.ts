/**
 * AlterConfigs and IncrementalAlterConfigs as a broker answers them: what it finds wrong is
 * answered here, log levels are changed here, and the rest goes to the controller.
 *
 *   resources --- refused by this broker ----------------.
 *       |-------- its loggers: done ----------------------+--> one answer each, in their order
 *       `-------- the rest ---> controller ---> outcomes -'
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
  readonly submit: <R>(command: Command<R>) => Promise<R>;
}

type Responses = Pick<AlterConfigsResponse, "responses">;
type IncrementalResource = IncrementalRequest["resources"][number];

export function alterIncrementally(
  options: AlterSettingsOptions,
  request: IncrementalRequest,
): Promise<Responses> {
  const { settings, nodeId, logLevels } = options;
  const { resources, validateOnly } = request;
  const counts = new Map<string, number>();
  for (const resource of resources)
    counts.set(idOf(resource), (counts.get(idOf(resource)) ?? 0) + 1);
  const isLogger = ({ resourceType }: IncrementalResource) =>
    resourceType === ConfigResourceType.BROKER_LOGGER;
  const others = resources.filter((resource) => !isLogger(resource));
  const checked = new Map(
    checkIncrementalAlter(settings, others).map((refused, index) => [others[index], refused]),
  );
  const outcomes = resources.map((resource) => {
    if (!isLogger(resource)) return checked.get(resource) ?? null;
    const isRepeated = (counts.get(idOf(resource)) ?? 0) > 1;
    return (
      reasonAgainstLoggers(resource, isRepeated) ??
      changeLogLevels(logLevels, nodeId, resource, validateOnly)
    );
  });
  return withController(resources, outcomes, (rest) =>
    options.submit(incrementallyAlterConfigs({ resources: rest, validateOnly })),
  );
}

export function replaceAll(
  options: AlterSettingsOptions,
  request: LegacyRequest,
): Promise<Responses> {
  const { resources, validateOnly } = request;
  return withController(resources, checkLegacyAlter(options.settings, resources), (rest) =>
    options.submit(replaceConfigs({ resources: rest, validateOnly })),
  );
}

/** On the controller listener: only the log levels are this node's own. */
export async function alterOnController(
  { nodeId, logLevels, submit }: AlterSettingsOptions,
  { resources, validateOnly }: IncrementalRequest,
): Promise<Responses> {
  const isLogger = ({ resourceType }: IncrementalResource) =>
    resourceType === ConfigResourceType.BROKER_LOGGER;
  const loggers = resources.filter(isLogger).map(({ ...resource }) => ({
    resourceType: resource.resourceType,
    resourceName: resource.resourceName,
    ...changeLogLevels(logLevels, nodeId, resource, validateOnly),
  }));
  const rest = resources.filter((resource) => !isLogger(resource));
  const isForwarded = false;
  const { responses } = await submit(
    incrementallyAlterConfigs({ resources: rest, validateOnly }, isForwarded),
  );
  return { responses: [...responses, ...loggers] };
}

interface AnyResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** Where `outcomes` has null the controller decides. */
async function withController<R extends AnyResource>(
  resources: readonly R[],
  outcomes: readonly (Refusal | null)[],
  submit: (rest: R[]) => Promise<Responses>,
): Promise<Responses> {
  const rest = resources.filter((_, index) => outcomes[index] === null);
  const decided = rest.length === 0 ? { responses: [] } : await submit(rest);
  const byId = new Map(decided.responses.map((response) => [idOf(response), response]));
  const responses = resources.map((resource, index) => {
    const { resourceType, resourceName } = resource;
    const outcome = outcomes[index] ?? byId.get(idOf(resource)) ?? MISSING;
    const { errorCode, errorMessage } = outcome;
    return { resourceType, resourceName, errorCode, errorMessage };
  });
  return { responses };
}

const MISSING = refusal(ErrorCode.UNKNOWN_SERVER_ERROR, null);

function idOf({ resourceType, resourceName }: AnyResource): string {
  return `${resourceType} ${resourceName}`;
}

/** As for every other resource. */
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

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
