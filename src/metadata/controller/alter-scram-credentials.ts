/**
 * AlterUserScramCredentials (KIP-554): what users log in with, one change of each user at a time.
 * What is wrong for one user does not hold up the others.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type * as messages from "../../protocol/messages/51-alter-user-scram-credentials.ts";
import type { Value } from "../../protocol/schema.ts";
import { SCRAM_LEVEL } from "../features.ts";
import type { NewRecord } from "../record.ts";
import {
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  type ScramMechanism,
  scramKeys,
  scramMechanism,
} from "../scram.ts";
import { type Command, type ControllerState, DONE, type Refusal, limited } from "./command.ts";

export type AlterScramRequest = Value<typeof messages.alterUserScramCredentials.request>;
export type AlterScramResponse = Value<typeof messages.alterUserScramCredentials.response>;
type Deletion = AlterScramRequest["deletions"][number];
type Upsertion = AlterScramRequest["upsertions"][number];

export function alterScramCredentials(request: AlterScramRequest): Command<AlterScramResponse> {
  return (state) => {
    const changes = [
      ...request.deletions.map((deletion) => deletionOf(state, deletion)),
      ...request.upsertions.map((upsertion) => upsertionOf(upsertion)),
    ];
    const isSupported = state.image.metadataVersion >= SCRAM_LEVEL;
    const outcomes = new Map<string, Outcome>();
    for (const { user, outcome } of changes) {
      const known = outcomes.get(user);
      // What was found wrong first is what the user is told.
      if (known === undefined) outcomes.set(user, isSupported ? outcome() : UNSUPPORTED);
      else if (known.record !== null) outcomes.set(user, TWICE);
    }
    const records = [...outcomes.values()].flatMap(({ record }) => record ?? []);
    const results = [...outcomes].map(([user, { errorCode, errorMessage }]) => ({
      user,
      errorCode,
      errorMessage,
    }));
    return limited(records, { throttleTimeMs: 0, results }, (tooMany) => ({
      throttleTimeMs: 0,
      results: results.map(({ user }) => ({ user, ...tooMany })),
    }));
  };
}

/** No record: the change is refused. */
interface Outcome extends Refusal {
  readonly record: NewRecord | null;
}

interface Change {
  readonly user: string;
  readonly outcome: () => Outcome;
}

function failed(errorCode: ErrorCode, errorMessage: string | null): Outcome {
  return { errorCode, errorMessage, record: null };
}

function done(record: NewRecord): Outcome {
  return { ...DONE, record };
}

const { DUPLICATE_RESOURCE, RESOURCE_NOT_FOUND, UNACCEPTABLE_CREDENTIAL } = ErrorCode;
const UNSUPPORTED = failed(
  ErrorCode.UNSUPPORTED_VERSION,
  "The current metadata.version does not support SCRAM",
);
const TWICE = failed(
  DUPLICATE_RESOURCE,
  "A user credential cannot be altered twice in the same request",
);

function deletionOf({ image }: ControllerState, { name, mechanism }: Deletion): Change {
  const outcome = (): Outcome => {
    const known = knownMechanism(name, mechanism);
    if ("errorCode" in known) return known;
    if (image.security.scramCredential(mechanism, name) === null) {
      const message = "Attempt to delete a user credential that does not exist";
      return failed(RESOURCE_NOT_FOUND, message);
    }
    const value = { name, mechanism };
    return done({ name: "RemoveUserScramCredentialRecord", version: 0, value });
  };
  return { user: name, outcome };
}

function upsertionOf({ name, mechanism, iterations, salt, saltedPassword }: Upsertion): Change {
  const outcome = (): Outcome => {
    const known = knownMechanism(name, mechanism);
    if ("errorCode" in known) return known;
    if (iterations < SCRAM_ITERATIONS_MIN) {
      return failed(UNACCEPTABLE_CREDENTIAL, "Too few iterations");
    }
    if (iterations > SCRAM_ITERATIONS_MAX) {
      return failed(UNACCEPTABLE_CREDENTIAL, "Too many iterations");
    }
    // The MAC of Kafka's runtime takes no empty key.
    if (saltedPassword.length === 0) return failed(ErrorCode.UNKNOWN_SERVER_ERROR, null);
    const keys = scramKeys(known, saltedPassword);
    const value = { name, mechanism, salt, ...keys, iterations };
    return done({ name: "UserScramCredentialRecord", version: 0, value });
  };
  return { user: name, outcome };
}

function knownMechanism(user: string, id: number): ScramMechanism | Outcome {
  if (user === "") return failed(UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
  const unknown = failed(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
  return scramMechanism(id) ?? unknown;
}
