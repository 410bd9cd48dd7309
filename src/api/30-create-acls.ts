/**
 * CreateAcls: v1-3 (KIP-140).
 *
 * - Adds access control entries, each with a result of its own, where an authorizer is configured.
 *
 * Versions: v1 pattern types (KIP-290); v3 resources of type user (KIP-373).
 */
import type { Broker } from "../broker/broker.ts";
import { ANY, CLUSTER_NAME, PatternType, ResourceType } from "../metadata/acl.ts";
import * as controller from "../metadata/controller/alter-acls.ts";
import { type Refusal, refusal } from "../metadata/controller/command.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { createAcls } from "../protocol/messages/30-create-acls.ts";
import type { Value } from "../protocol/schema.ts";
import { hasAuthorizer, refuseUnknown } from "./29-describe-acls.ts";
import { handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

type Request = Value<typeof createAcls.request>;
type Creation = Request["creations"][number];

export const createAclsHandler = handler(createAcls, decide, {
  refused: ({ creations }, refusal) => ({ results: creations.map(() => refusal) }),
});

async function decide({ creations }: Request, _context: RequestContext, broker: Broker) {
  for (const { resourceType, resourcePatternType, operation, permissionType } of creations) {
    refuseUnknown([resourceType, resourcePatternType, operation, permissionType]);
  }
  if (!hasAuthorizer(broker)) return { results: creations.map(() => SECURITY_DISABLED) };
  if (creations.some(isFilter)) return { results: creations.map(() => FAILED) };
  const refused = creations.map(reasonAgainstName);
  const rest = creations.filter((_, index) => refused[index] === null);
  const created = await submit(broker, controller.createAcls(rest.map(bindingOf)));
  const outcomes = created.values();
  return { results: refused.map((reason) => reason ?? outcomes.next().value ?? SECURITY_DISABLED) };
}

export const SECURITY_DISABLED = refusal(
  ErrorCode.SECURITY_DISABLED,
  "No Authorizer is configured.",
);

const FAILED = refusal(ErrorCode.UNKNOWN_SERVER_ERROR, null);

/** What stands for any entry is none: Kafka fails at it, with all of the request. */
function isFilter(creation: Creation): boolean {
  const { resourceType, resourcePatternType, operation, permissionType } = creation;
  if ([resourceType, resourcePatternType, operation, permissionType].includes(ANY)) return true;
  return resourcePatternType === PatternType.MATCH;
}

function reasonAgainstName({ resourceType, resourceName }: Creation): Refusal | null {
  if (resourceType === ResourceType.CLUSTER && resourceName !== CLUSTER_NAME) {
    const message = `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`;
    return refusal(ErrorCode.INVALID_REQUEST, message);
  }
  if (resourceName !== "") return null;
  return refusal(ErrorCode.INVALID_REQUEST, "Invalid empty resource name");
}

function bindingOf({ resourcePatternType, ...rest }: Creation) {
  return { ...rest, patternType: resourcePatternType };
}
