/** Access control entries: the numbers that stand for their parts, and filters over them. */
import type { AccessControlEntry } from "./security-image.ts";

/** As the protocol and the records have them. What is above the last is unknown, too. */
export const UNKNOWN = 0;
export const ANY = 1;
export const ResourceType = {
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;
export const PatternType = { MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;
export const PermissionType = { DENY: 2, ALLOW: 3 } as const;
export const OPERATION_MAX = 15;

/** The one resource of type CLUSTER. */
export const CLUSTER_NAME = "kafka-cluster";
/** As the name of a literal pattern it stands for every resource. */
const WILDCARD = "*";

/** An entry without its id. */
export type AclBinding = Omit<AccessControlEntry, "id">;

/** Null fields match everything. */
export interface AclFilter {
  readonly resourceTypeFilter: number;
  readonly resourceNameFilter: string | null;
  readonly patternTypeFilter: number;
  readonly principalFilter: string | null;
  readonly hostFilter: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

/** Numbers that this version of the protocol has no word for. */
export function isUnknownPattern(filter: AclFilter): boolean {
  return (
    !isWithin(filter.resourceTypeFilter, ResourceType.USER) ||
    !isWithin(filter.patternTypeFilter, PatternType.PREFIXED)
  );
}

export function isUnknownEntry(filter: AclFilter): boolean {
  return (
    !isWithin(filter.operation, OPERATION_MAX) ||
    !isWithin(filter.permissionType, PermissionType.ALLOW)
  );
}

function isWithin(code: number, max: number): boolean {
  return code > UNKNOWN && code <= max;
}

export function matchesFilter(filter: AclFilter, entry: AclBinding): boolean {
  return (
    matchesPattern(filter, entry) &&
    (filter.principalFilter === null || filter.principalFilter === entry.principal) &&
    (filter.hostFilter === null || filter.hostFilter === entry.host) &&
    (filter.operation === ANY || filter.operation === entry.operation) &&
    (filter.permissionType === ANY || filter.permissionType === entry.permissionType)
  );
}

/** KIP-290: MATCH finds every pattern that covers the name; the other types compare patterns. */
function matchesPattern(filter: AclFilter, entry: AclBinding): boolean {
  const { resourceTypeFilter, resourceNameFilter: name, patternTypeFilter } = filter;
  const { resourceType, resourceName, patternType } = entry;
  if (resourceTypeFilter !== ANY && resourceTypeFilter !== resourceType) return false;
  const isAnyPattern = patternTypeFilter === ANY || patternTypeFilter === PatternType.MATCH;
  if (!isAnyPattern && patternTypeFilter !== patternType) return false;
  if (name === null) return true;
  if (patternTypeFilter !== PatternType.MATCH) return name === resourceName;
  if (patternType === PatternType.PREFIXED) return name.startsWith(resourceName);
  return name === resourceName || resourceName === WILDCARD;
}
