/**
 * DescribeUserScramCredentials: v0 (KIP-554).
 *
 * - By which mechanisms users can log in, and with how many iterations; never the credentials.
 * - Kafka's controller lists it, and cannot answer it.
 */
import type { SecurityImage } from "../metadata/security-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import * as messages from "../protocol/messages/50-describe-user-scram-credentials.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { Input } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type Result = Input<typeof messages.describeUserScramCredentials.response>["results"][number];

export const describeUserScramCredentialsHandler = handler(
  messages.describeUserScramCredentials,
  ({ users }, { listenerKind }, { image }) => {
    if (listenerKind === "controller") return refuseAll(users);
    const asked = users ?? [];
    const { security } = image;
    const counts =
      asked.length === 0
        ? new Map([...security.scramCredentials()].map(({ name }) => [name, 1]))
        : countsOf(asked.map(({ name }) => name));
    const results = [...counts].map(([user, count]) => describe(security, user, count > 1));
    return { errorCode: ErrorCode.NONE, errorMessage: "", results };
  },
);

function refuseAll(users: readonly unknown[] | null) {
  if (users === null) throw new ProtocolError("a controller is asked for all SCRAM credentials");
  const refused = { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: null };
  return { ...refused, results: users.map(() => ({ user: "", ...refused, credentialInfos: [] })) };
}

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function describe(security: SecurityImage, user: string, isRepeated: boolean): Result {
  const refused = (errorCode: ErrorCode, errorMessage: string) => ({
    user,
    errorCode,
    errorMessage,
    credentialInfos: [],
  });
  if (isRepeated) {
    return refused(
      ErrorCode.DUPLICATE_RESOURCE,
      `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`,
    );
  }
  const credentials = [...security.scramCredentials()].filter(({ name }) => name === user);
  if (credentials.length === 0) {
    return refused(
      ErrorCode.RESOURCE_NOT_FOUND,
      `Attempt to describe a user credential that does not exist: ${user}`,
    );
  }
  const credentialInfos = credentials.map(({ mechanism, iterations }) => ({
    mechanism,
    iterations,
  }));
  return { user, errorCode: ErrorCode.NONE, errorMessage: "", credentialInfos };
}
