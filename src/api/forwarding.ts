/**
 * Clients ask any broker what only the active controller can do. Where that is in this process, its
 * handler answers at once; else the request goes on to it (Envelope), in the client's name, and its
 * answer comes back:
 *
 *   handler ---- isHere -----------------------------> handle()
 *      |                                                  | NotControllerError: it has just gone
 *      '---- else --> Envelope --> active controller <----'
 *
 * As in Kafka it is tried for a minute, and a failure on the way is no fault of the client's.
 */
import { NodeError } from "../client/node-error.ts";
import type { NodePeer } from "../client/node-peer.ts";
import type { Broker } from "../broker/broker.ts";
import { FORWARDING_MS_MAX } from "../broker/controller-channel.ts";
import { askInEnvelope } from "../broker/envelope.ts";
import { type Refusal, refusal } from "../metadata/controller/command.ts";
import { NotControllerError, TooManyRecordsError } from "../metadata/metadata-errors.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { errorText } from "../protocol/error-text.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { Api, ListenerKind } from "../protocol/schema.ts";
import type { ConnectionContext, Request, Response } from "./request.ts";

/** Whoever asks: a `RequestContext`. */
interface Caller {
  readonly request: Request;
  readonly listenerKind: ListenerKind;
  readonly apiVersion: number;
  readonly user: string;
  readonly clientId: string;
  readonly connection: ConnectionContext;
  throttleMs: number;
}

/** A request as its handler has it. */
export interface Asked<Q, QI, R, RI> {
  readonly api: Api<Q, QI, R, RI>;
  readonly request: Q;
  readonly context: Caller;
  readonly broker: Broker;
}

type Body<I> = Omit<I, "throttleTimeMs">;

/** A command that the controller does not carry out. */
export class RefusedError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.errorMessage ?? "");
  }
}

/** The answer of the active controller; `handle` gives it where that is in this process. */
export async function answerOfController<Q, QI, R, RI, B extends Body<RI>>(
  asked: Asked<Q, QI, R, RI>,
  handle: () => B | Promise<B>,
  refused: (refusal: Refusal) => B,
): Promise<B> {
  const { context, broker } = asked;
  try {
    // Whoever asks a controller finds the active one without its help.
    if (context.listenerKind === "controller") return await handle();
    return await broker.controller.reach("forwarding", FORWARDING_MS_MAX, {
      here: async () => handle(),
      there: (peer, timeoutMs) => ask<Q, QI, R, RI, B>(asked, peer, timeoutMs),
    });
  } catch (error) {
    return refused(refusalOf(error));
  }
}

/** The bytes of a response behind its header, none of which lie in a file. */
export function bytesOf({ parts, release }: Response): Buffer {
  const bytes = Buffer.concat(parts.filter((part) => part instanceof Uint8Array));
  release?.();
  return bytes;
}

async function ask<Q, QI, R, RI, B>(
  { api, request, context }: Asked<Q, QI, R, RI>,
  peer: NodePeer,
  timeoutMs: number,
): Promise<B | null> {
  const { apiVersion, user, clientId } = context;
  const asker = {
    user,
    clientId,
    correlationId: context.request.correlationId,
    remoteAddress: context.connection.remoteAddress,
  };
  // What a decoder has given, the encoder of the same message takes.
  const asIs = request as unknown as QI;
  const answer = await askInEnvelope(peer, api, apiVersion, asIs, asker, timeoutMs);
  if (answer.errorCode === ErrorCode.NOT_CONTROLLER) return null;
  // The controller is another, and may know other versions than the one that this node told of.
  if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
    throw new ProtocolError(`the controller does not know version ${apiVersion} of ${api.name}`);
  }
  if (answer.response === null) throw new RefusedError(UNEXPECTED);
  const response: unknown = answer.response;
  const { throttleTimeMs = 0 } = response as { throttleTimeMs?: number };
  context.throttleMs = Math.max(context.throttleMs, throttleTimeMs);
  return response as B;
}

const UNEXPECTED = refusal(
  ErrorCode.UNKNOWN_SERVER_ERROR,
  errorText(ErrorCode.UNKNOWN_SERVER_ERROR),
);

/** Throws what is no refusal. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedError) return error.refusal;
  if (error instanceof TooManyRecordsError) {
    return refusal(ErrorCode.RECORD_LIST_TOO_LARGE, error.message);
  }
  // Whoever asked looks for the controller again, and finds it once this node is back.
  if (error instanceof NotControllerError) return refusal(ErrorCode.NOT_CONTROLLER, null);
  if (!(error instanceof NodeError)) throw error;
  return error.reason === "unsupported" ? UNEXPECTED : TIMED_OUT;
}

export const TIMED_OUT = refusal(ErrorCode.REQUEST_TIMED_OUT, null);
