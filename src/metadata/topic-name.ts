/** What a topic may be called. */
import { ErrorCode } from "../protocol/error-code.ts";

const NAME_LENGTH_MAX = 249;

/** Null when the name is legal; else Kafka's words for why not. */
export function topicNameError(name: string): string | null {
  const invalid = (reason: string) => `Topic name is invalid: ${reason}`;
  if (name === "") return invalid("the empty string is not allowed");
  if (name === "." || name === "..") return invalid(`'${name}' is not allowed`);
  if (name.length > NAME_LENGTH_MAX) {
    const limit = `longer than the max allowed length ${NAME_LENGTH_MAX}`;
    return invalid(`the length of '${name}' is ${limit}`);
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    const others = "one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
    return invalid(`'${name}' contains ${others}`);
  }
  return null;
}

/** What a client is told that asks for a topic which is not there. */
export function absentTopicError(name: string): ErrorCode {
  return topicNameError(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}
