/** DeleteTopics: by name or by id; the answer says for each why it was not deleted. */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { deleteTopics as api } from "../../protocol/messages/20-delete-topics.ts";
import type { Value } from "../../protocol/schema.ts";
import type { NewRecord } from "../record.ts";
import {
  type Command,
  DONE,
  type MutationPermits,
  type Refusal,
  TOO_MANY_MUTATIONS,
  limited,
  refusal,
} from "./command.ts";

export type DeleteTopicsRequest = Value<typeof api.request>;
export type DeleteTopicsResponse = Value<typeof api.response>;
type Result = DeleteTopicsResponse["responses"][number];

/** Without permits there is no limit. */
export function deleteTopics(
  request: DeleteTopicsRequest,
  permits: MutationPermits | null = null,
): Command<DeleteTopicsResponse> {
  return (state) => {
    const { topics } = state.image;
    const responses: Result[] = [];
    const answer = (name: string | null, topicId: string, refused: Refusal) =>
      responses.push({ name, topicId, ...refused });
    const { names, ids } = asked(request, answer);
    /** By id: the name if it was asked for by name. */
    const found = new Map<string, string>();
    for (const id of ids) {
      const topic = topics.byId(id);
      if (topic === null) answer(null, id, UNKNOWN_ID);
      else found.set(id, topic.name);
    }
    for (const name of names) {
      const topic = topics.byName(name);
      if (topic === null) answer(name, ZERO_UUID, UNKNOWN_NAME);
      else if (found.delete(topic.id)) answer(name, topic.id, NAMED_TWICE);
      else found.set(topic.id, name);
    }
    for (const [id, name] of found) {
      if (permits?.take(topics.byId(id)?.partitions.length ?? 0) ?? true) continue;
      found.delete(id);
      answer(name, id, TOO_MANY_MUTATIONS);
    }
    const records = [...found.keys()].map((topicId): NewRecord => ({
      name: "RemoveTopicRecord",
      version: 0,
      value: { topicId },
    }));
    const response = (outcome: Refusal) => ({
      throttleTimeMs: 0,
      responses: [
        ...responses,
        ...[...found].map(([topicId, name]) => ({ name, topicId, ...outcome })),
      ],
    });
    return limited(records, response(DONE), response);
  };
}

const UNKNOWN_ID = refusal(ErrorCode.UNKNOWN_TOPIC_ID, "This server does not host this topic ID.");
const UNKNOWN_NAME = refusal(
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  "This server does not host this topic-partition.",
);
const NAMED_TWICE = invalid("The provided topic name maps to an ID that was already supplied.");

function invalid(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}

/** What was asked for exactly once, in one way; the rest is answered. */
function asked(
  request: DeleteTopicsRequest,
  answer: (name: string | null, topicId: string, refused: Refusal) => void,
): { readonly names: readonly string[]; readonly ids: readonly string[] } {
  const names = [...request.topicNames];
  const ids: string[] = [];
  for (const { name, topicId } of request.topics) {
    const hasId = topicId !== ZERO_UUID;
    if (name !== null && hasId) {
      answer(name, topicId, invalid("You may not specify both topic name and topic id."));
    } else if (name !== null) names.push(name);
    else if (hasId) ids.push(topicId);
    else answer(null, ZERO_UUID, invalid("Neither topic name nor id were specified."));
  }
  const duplicateNames = duplicates(names);
  const duplicateIds = duplicates(ids);
  for (const name of duplicateNames) answer(name, ZERO_UUID, invalid("Duplicate topic name."));
  for (const id of duplicateIds) answer(null, id, invalid("Duplicate topic id."));
  return {
    names: names.filter((name) => !duplicateNames.has(name)),
    ids: ids.filter((id) => !duplicateIds.has(id)),
  };
}

function duplicates(items: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const item of items) {
    if (seen.has(item)) twice.add(item);
    seen.add(item);
  }
  return twice;
}
