/**
 * DescribeAcls: v1-3 (KIP-140).
 *
 * - The access control entries that match a filter. Without an authorizer there is nothing to tell.
 *
 * Versions: v1 pattern types (KIP-290); v3 resources of type user (KIP-373).
 */
import type { Broker } from "../broker/broker.ts";
import { type AclFilter, UNKNOWN, matchesFilter } from "../metadata/acl.ts";
import type { AccessControlEntry } from "../metadata/security-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeAcls } from "../protocol/messages/29-describe-acls.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { handler } from "./handler.ts";

export const describeAclsHandler = handler(describeAcls, (request, _context, broker) => {
  refuseUnknownFilter(request);
  if (!hasAuthorizer(broker)) {
    const errorMessage = "No Authorizer is configured on the broker";
    return { errorCode: ErrorCode.SECURITY_DISABLED, errorMessage, resources: [] };
  }
  const entries = [...broker.image.security.acls.values()];
  const found = entries.filter((entry) => matchesFilter(request, entry));
  const byPattern = Map.groupBy(found, patternOf).values();
  return { errorCode: ErrorCode.NONE, errorMessage: "", resources: [...byPattern].map(resource) };
});

export function hasAuthorizer({ settings }: Pick<Broker, "settings">): boolean {
  return settings.get("authorizer.class.name") !== "";
}

/** As the protocol has it, a request with such a part is malformed. */
export function refuseUnknownFilter(filter: AclFilter): void {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = filter;
  refuseUnknown([resourceTypeFilter, patternTypeFilter, operation, permissionType]);
}

export function refuseUnknown(codes: readonly number[]): void {
  if (codes.includes(UNKNOWN))
    throw new ProtocolError("an access control entry with unknown parts");
}

function patternOf({ resourceType, patternType, resourceName }: AccessControlEntry): string {
  return `${resourceType} ${patternType} ${resourceName}`;
}

/** Not empty, and all of one pattern. */
function resource(entries: readonly AccessControlEntry[]) {
  const { resourceType, resourceName, patternType } = entries[0]!;
  const acls = entries.map(({ principal, host, operation, permissionType }) => ({
    principal,
    host,
    operation,
    permissionType,
  }));
  return { resourceType, resourceName, patternType, acls };
}
