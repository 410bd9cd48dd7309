/** Which quotas a filter asks for (KIP-546). */
import { ErrorCode } from "../protocol/error-code.ts";
import type { describeClientQuotas } from "../protocol/messages/48-describe-client-quotas.ts";
import type { Value } from "../protocol/schema.ts";
import {
  type ClientQuota,
  type ClientQuotasImage,
  type QuotaEntityPart,
  QuotaEntityType,
} from "./client-quotas-image.ts";
import { type Refusal, refusal } from "./controller/command.ts";

export type QuotaFilter = Value<typeof describeClientQuotas.request>;
type Component = QuotaFilter["components"][number];

/** Of a component: this name, the default of the type, or any of the type. */
const QuotaMatch = { EXACT: 0, DEFAULT: 1, ANY: 2 } as const;

/** All that match; a strict filter wants no other types than those that it names. */
export function findClientQuotas(
  quotas: ClientQuotasImage,
  filter: QuotaFilter,
): readonly ClientQuota[] | Refusal {
  const refused = reasonAgainst(filter.components);
  if (refused !== null) return refused;
  return [...quotas.values()].filter(({ entity }) => matches(entity, filter));
}

const TYPES: ReadonlySet<string> = new Set(Object.values(QuotaEntityType));

function reasonAgainst(components: readonly Component[]): Refusal | null {
  const types = new Set<string>();
  for (const component of components) {
    const refused = reasonAgainstType(component.entityType, types) ?? reasonAgainstMatch(component);
    if (refused !== null) return refused;
    types.add(component.entityType);
  }
  if (!types.has(QuotaEntityType.IP) || types.size === 1) return null;
  return invalid(
    "Invalid entity filter component combination. IP filter component should not be used with " +
      "user or clientId filter component.",
  );
}

function reasonAgainstType(type: string, known: ReadonlySet<string>): Refusal | null {
  if (type === "") return invalid("Invalid empty entity type.");
  if (known.has(type)) {
    return invalid(`Entity type ${type} cannot appear more than once in the filter.`);
  }
  if (TYPES.has(type)) return null;
  return refusal(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${type}`);
}

function reasonAgainstMatch({ matchType, match }: Component): Refusal | null {
  switch (matchType) {
    case QuotaMatch.EXACT:
      if (match !== null) return null;
      return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.");
    case QuotaMatch.DEFAULT:
      if (match === null) return null;
      return invalid("Request specified MATCH_TYPE_DEFAULT, but also specified a match string.");
    case QuotaMatch.ANY:
      if (match === null) return null;
      return invalid("Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.");
    default:
      return invalid(`Unknown match type ${matchType}`);
  }
}

function matches(entity: readonly QuotaEntityPart[], { components, strict }: QuotaFilter): boolean {
  if (strict && entity.length !== components.length) return false;
  return components.every(({ entityType, matchType, match }) => {
    const part = entity.find((each) => each.entityType === entityType);
    if (part === undefined) return false;
    return matchType === QuotaMatch.ANY || part.entityName === match;
  });
}

function invalid(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
