/** CreateAcls and DeleteAcls: each entry or filter by itself has a result of its own. */
import { randomUuid } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  type AclBinding,
  type AclFilter,
  OPERATION_MAX,
  PatternType,
  PermissionType,
  ResourceType,
  ANY,
  isUnknownEntry,
  isUnknownPattern,
  matchesFilter,
} from "../acl.ts";
import type { NewRecord } from "../record.ts";
import type { AccessControlEntry } from "../security-image.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  atomic,
  limited,
  refusal,
  unchanged,
} from "./command.ts";

/** An entry that is there already is none too many, and succeeds. */
export function createAcls(bindings: readonly AclBinding[]): Command<Refusal[]> {
  return (state) => {
    const known = new Set([...state.image.security.acls.values()].map(textOf));
    const records: NewRecord[] = [];
    const results = bindings.map((binding) => {
      const refused = reasonAgainst(binding);
      if (refused !== null) return refused;
      const text = textOf(binding);
      if (!known.has(text)) {
        known.add(text);
        records.push(recordOf(state, binding));
      }
      return CREATED;
    });
    return limited(records, results, (tooMany) => bindings.map(() => tooMany));
  };
}

export interface DeletedAcls extends Refusal {
  readonly deleted: readonly AccessControlEntry[];
}

export function deleteAcls(filters: readonly AclFilter[]): Command<DeletedAcls[]> {
  return (state) => {
    const ids = new Set<string>();
    const results = filters.map((filter): DeletedAcls => {
      const refused = reasonAgainstFilter(filter);
      if (refused !== null) return { ...refused, deleted: [] };
      const entries = [...state.image.security.acls.values()];
      const deleted = entries.filter((entry) => matchesFilter(filter, entry));
      for (const { id } of deleted) ids.add(id);
      return { ...DONE, deleted };
    });
    if (ids.size > RECORDS_PER_COMMAND_MAX) {
      const refused = invalidRequest(
        `Cannot remove more than ${RECORDS_PER_COMMAND_MAX} acls in a single delete operation.`,
      );
      return unchanged(filters.map(() => ({ ...refused, deleted: [] })));
    }
    const records = [...ids].map((id): NewRecord => ({
      name: "RemoveAccessControlEntryRecord",
      version: 0,
      value: { id },
    }));
    return atomic(records, results);
  };
}

const CREATED = refusal(ErrorCode.NONE, "");

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}

/** Who asks for ANY has asked for no entry at all: see `api/30-create-acls.ts`. */
function reasonAgainst(binding: AclBinding): Refusal | null {
  const { resourceType, patternType, operation, permissionType } = binding;
  if (isIndefinite(resourceType, ResourceType.USER)) {
    return invalidRequest("Invalid resourceType UNKNOWN");
  }
  if (patternType !== PatternType.LITERAL && patternType !== PatternType.PREFIXED) {
    return invalidRequest("Invalid patternType UNKNOWN");
  }
  if (isIndefinite(operation, OPERATION_MAX)) {
    return invalidRequest("Invalid operation UNKNOWN");
  }
  if (isIndefinite(permissionType, PermissionType.ALLOW)) {
    return invalidRequest("Invalid permissionType UNKNOWN");
  }
  if (binding.resourceName === "") return invalidRequest("Resource name should not be empty");
  if (binding.principal.includes(":")) return null;
  return invalidRequest(
    `Could not parse principal from \`${binding.principal}\` (no colon is present separating the ` +
      "principal type from the principal name)",
  );
}

function reasonAgainstFilter(filter: AclFilter): Refusal | null {
  if (isUnknownPattern(filter)) return invalidRequest("Unknown patternFilter.");
  return isUnknownEntry(filter) ? invalidRequest("Unknown entryFilter.") : null;
}

function isIndefinite(code: number, max: number): boolean {
  return code <= ANY || code > max;
}

function recordOf({ image, random }: ControllerState, binding: AclBinding): NewRecord {
  let id: string;
  do id = randomUuid(random);
  while (image.security.acls.has(id));
  return { name: "AccessControlEntryRecord", version: 0, value: { id, ...binding } };
}

/** Equal for equal entries, whatever their ids. */
function textOf(binding: AclBinding): string {
  const { resourceType, resourceName, patternType } = binding;
  const { principal, host, operation, permissionType } = binding;
  const pattern = [resourceType, resourceName, patternType];
  return JSON.stringify([...pattern, principal, host, operation, permissionType]);
}
