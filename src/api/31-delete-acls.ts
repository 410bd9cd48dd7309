/**
 * DeleteAcls: v1-3 (KIP-140).
 *
 * - Removes the access control entries that match any of the filters, and tells which those were,
 *   where an authorizer is configured.
 *
 * Versions: v1 pattern types (KIP-290); v3 resources of type user (KIP-373).
 */
import type { Broker } from "../broker/broker.ts";
import * as controller from "../metadata/controller/alter-acls.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { deleteAcls } from "../protocol/messages/31-delete-acls.ts";
import type { Value } from "../protocol/schema.ts";
import { hasAuthorizer, refuseUnknownFilter } from "./29-describe-acls.ts";
import { SECURITY_DISABLED } from "./30-create-acls.ts";
import { handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

export const deleteAclsHandler = handler(deleteAcls, decide, {
  refused: ({ filters }, refusal) => ({
    filterResults: filters.map(() => ({ ...refusal, matchingAcls: [] })),
  }),
});

async function decide(
  { filters }: Value<typeof deleteAcls.request>,
  _context: RequestContext,
  broker: Broker,
) {
  for (const filter of filters) refuseUnknownFilter(filter);
  if (!hasAuthorizer(broker)) {
    return { filterResults: filters.map(() => ({ ...SECURITY_DISABLED, matchingAcls: [] })) };
  }
  const results = await submit(broker, controller.deleteAcls(filters));
  return {
    filterResults: results.map(({ errorCode, errorMessage, deleted }) => ({
      errorCode,
      errorMessage,
      matchingAcls: deleted.map(({ id: _, ...entry }) => ({
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        ...entry,
      })),
    })),
  };
}
