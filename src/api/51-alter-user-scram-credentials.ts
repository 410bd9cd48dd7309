/**
 * AlterUserScramCredentials: v0 (KIP-554).
 *
 * - Sets and removes what users log in with. The credentials are kept in the metadata; of the
 *   salted password only what proves a login.
 */
import * as controller from "../metadata/controller/alter-scram-credentials.ts";
import * as messages from "../protocol/messages/51-alter-user-scram-credentials.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterUserScramCredentialsHandler = handler(
  messages.alterUserScramCredentials,
  (request, _context, broker) => submit(broker, controller.alterScramCredentials(request)),
  {
    refused({ deletions, upsertions }, refusal) {
      const users = [...deletions, ...upsertions].map(({ name }) => name);
      return { results: users.map((user) => ({ user, ...refusal })) };
    },
  },
);
