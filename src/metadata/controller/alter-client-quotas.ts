/**
 * AlterClientQuotas: limits of users, clients and addresses set and removed (KIP-546). For each
 * entity everything is changed, or nothing.
 */
import { canonicalAddress } from "../../base/ip-address.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { alterClientQuotas as api } from "../../protocol/messages/49-alter-client-quotas.ts";
import type { Value } from "../../protocol/schema.ts";
import { type QuotaEntityPart, QuotaEntityType, quotaEntityKey } from "../client-quotas-image.ts";
import type { NewRecord } from "../record.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  TOO_MANY_RECORDS,
  atomic,
  refusal,
  unchanged,
} from "./command.ts";

export type AlterClientQuotasRequest = Value<typeof api.request>;
export type AlterClientQuotasEntries = Value<typeof api.response>["entries"];
type Entry = AlterClientQuotasRequest["entries"][number];

/** The names of the limits. */
export const QuotaLimitName = {
  PRODUCER_BYTE_RATE: "producer_byte_rate",
  CONSUMER_BYTE_RATE: "consumer_byte_rate",
  REQUEST_PERCENTAGE: "request_percentage",
  CONTROLLER_MUTATION_RATE: "controller_mutation_rate",
  CONNECTION_CREATION_RATE: "connection_creation_rate",
} as const;

/** A refusal is the answer for every entry. `hosts` are names that have an address. */
export function alterClientQuotas(
  request: AlterClientQuotasRequest,
  hosts: ReadonlySet<string>,
): Command<AlterClientQuotasEntries | Refusal> {
  return (state) => {
    const records: NewRecord[] = [];
    const answers = new Map<string, AlterClientQuotasEntries[number]>();
    for (const entry of request.entries) {
      const entity = entityOf(entry);
      const key = quotaEntityKey(entity);
      const isKnown = answers.has(key) || hasDuplicateKeys(entry);
      const altered = isKnown ? duplicate(entity) : alterOne(state, entity, entry.ops, hosts);
      const isRefused = "errorCode" in altered;
      if (!isRefused) records.push(...altered);
      const outcome = isRefused ? altered : DONE;
      answers.set(key, { ...outcome, entity: [...entity] });
      if (records.length > RECORDS_PER_COMMAND_MAX) return unchanged(TOO_MANY_RECORDS);
    }
    const response = [...answers.values()];
    return request.validateOnly ? unchanged(response) : atomic(records, response);
  };
}

/** Names of hosts among the addresses: whether there are such hosts is for the caller to find. */
export function hostNamesIn(request: AlterClientQuotasRequest): Set<string> {
  const names = request.entries.flatMap((entry) => {
    const entity = entityOf(entry);
    const isAlone = entity.length === 1 && isAddress(entity);
    const name = isAlone ? (entity[0]?.entityName ?? "") : "";
    return name === "" || canonicalAddress(name) !== null ? [] : [name];
  });
  return new Set(names);
}

/** The order that Kafka's hash maps give them; whoever repeats a type means its last name. */
const ORDER: readonly string[] = [
  QuotaEntityType.CLIENT_ID,
  QuotaEntityType.USER,
  QuotaEntityType.IP,
];

function entityOf({ entity }: Entry): QuotaEntityPart[] {
  const names = new Map(entity.map(({ entityType, entityName }) => [entityType, entityName]));
  const known = ORDER.filter((type) => names.has(type));
  const types = [...known, ...[...names.keys()].filter((type) => !ORDER.includes(type))];
  return types.map((entityType) => ({ entityType, entityName: names.get(entityType) ?? null }));
}

function hasDuplicateKeys({ ops }: Entry): boolean {
  return new Set(ops.map(({ key }) => key)).size < ops.length;
}

/** Kafka says so too where a limit is named twice. The first of two equal entities is in force. */
function duplicate(entity: readonly QuotaEntityPart[]): Refusal {
  const parts = entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`);
  const text = `ClientQuotaEntity(entries={${parts.join(", ")}})`;
  return invalid(`Ignoring duplicate entity ${text}`);
}

function alterOne(
  state: ControllerState,
  entity: readonly QuotaEntityPart[],
  ops: Entry["ops"],
  hosts: ReadonlySet<string>,
): NewRecord[] | Refusal {
  const refused = reasonAgainstEntity(entity, hosts);
  if (refused !== null) return refused;
  const types = isAddress(entity) ? ADDRESS_LIMITS : USER_LIMITS;
  const current = state.image.clientQuotas.of(entity);
  const records: NewRecord[] = [];
  const record = (key: string, value: number, remove: boolean) =>
    records.push({
      name: "ClientQuotaRecord",
      version: 0,
      value: { entity: [...entity], key, value, remove },
    });
  for (const { key, value, remove } of ops) {
    if (remove) {
      if (current.has(key)) record(key, 0, true);
      continue;
    }
    const reason = reasonAgainstLimit(types.get(key), key, value);
    if (reason !== null) return invalid(reason);
    if (!Object.is(current.get(key), value)) record(key, value, false);
  }
  return records;
}

function reasonAgainstEntity(
  entity: readonly QuotaEntityPart[],
  hosts: ReadonlySet<string>,
): Refusal | null {
  if (entity.length === 0) return invalid("Invalid empty client quota entity");
  for (const { entityType, entityName } of entity) {
    if (!ORDER.includes(entityType)) {
      return invalid(`Unhandled client quota entity type: ${entityType}`);
    }
    if (entityName === "") return invalid(`Empty ${entityType} not supported`);
  }
  if (!isAddress(entity)) return null;
  if (entity.length > 1) {
    return invalid(
      "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
    );
  }
  const [{ entityName } = { entityName: null }] = entity;
  const isKnown = entityName === null || hosts.has(entityName);
  if (isKnown || canonicalAddress(entityName) !== null) return null;
  return invalid(`${entityName} is not a valid IP or resolvable host.`);
}

function isAddress(entity: readonly QuotaEntityPart[]): boolean {
  return entity.some(({ entityType }) => entityType === QuotaEntityType.IP);
}

interface LimitType {
  readonly name: string;
  readonly max: number;
  readonly isWhole: boolean;
}

const INT: LimitType = { name: "an INT", max: 2 ** 31 - 1, isWhole: true };
const LONG: LimitType = { name: "a LONG", max: 2 ** 63, isWhole: true };
const DOUBLE: LimitType = { name: "a DOUBLE", max: Infinity, isWhole: false };

const USER_LIMITS: ReadonlyMap<string, LimitType> = new Map([
  [QuotaLimitName.PRODUCER_BYTE_RATE, LONG],
  [QuotaLimitName.CONSUMER_BYTE_RATE, LONG],
  [QuotaLimitName.REQUEST_PERCENTAGE, DOUBLE],
  [QuotaLimitName.CONTROLLER_MUTATION_RATE, DOUBLE],
]);

const ADDRESS_LIMITS: ReadonlyMap<string, LimitType> = new Map([
  [QuotaLimitName.CONNECTION_CREATION_RATE, INT],
]);

const FRACTION_MAX = 1e-6;

function reasonAgainstLimit(
  type: LimitType | undefined,
  key: string,
  value: number,
): string | null {
  if (type === undefined) return `Invalid configuration key ${key}`;
  if (value <= 0) return `Quota ${key} must be greater than 0`;
  if (value > type.max) return `Proposed value for ${key} is too large for ${type.name}.`;
  if (type.isWhole && value % 1 > FRACTION_MAX) return `${key} cannot be a fractional value.`;
  return null;
}

function invalid(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
