/**
 * A client's request on its way to the active controller (KIP-590):
 *
 *   Envelope { requestData: [header of the client][its request], principal, address }
 *
 * The controller answers in the name of the client, to the broker that passes it on.
 */
import { addressBytes } from "../base/ip-address.ts";
import type { NodePeer } from "../client/node-peer.ts";
import { decode, encode } from "../protocol/compile.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { envelope } from "../protocol/messages/58-envelope.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { defaultPrincipalData } from "../protocol/records/principal.ts";
import type { Api, Input } from "../protocol/schema.ts";

/** In whose name something is asked. */
export interface Asker {
  readonly user: string;
  readonly clientId: string;
  readonly correlationId: number;
  /** An address, or nothing of the kind where a broker asks for itself. */
  readonly remoteAddress: string;
}

const PRINCIPAL_TYPE = "User";
/** Of what follows it. */
const VERSION = Buffer.from([0, 0]);
const NO_ADDRESS = Buffer.from([0, 0, 0, 0]);

export function encodeEnvelope<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
  asker: Asker,
): Input<typeof envelope.request> {
  const header = encode(requestHeader, requestHeaderVersion(api, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: asker.correlationId,
    clientId: asker.clientId,
  });
  const principal = { type: PRINCIPAL_TYPE, name: asker.user, tokenAuthenticated: false };
  return {
    requestData: Buffer.concat([header, encode(api.request, version, request)]),
    requestPrincipal: Buffer.concat([VERSION, encode(defaultPrincipalData, 0, principal)]),
    clientHostAddress: addressBytes(asker.remoteAddress) ?? NO_ADDRESS,
  };
}

export interface Enveloped<R> {
  /** What the controller says of the envelope. */
  readonly errorCode: number;
  /** What it answers to the request in it; null where it could not. */
  readonly response: R | null;
}

/** Rejects with `NodeError`. */
export async function askInEnvelope<Q, QI, R, RI>(
  peer: NodePeer,
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
  asker: Asker,
  timeoutMs: number,
): Promise<Enveloped<R>> {
  const wrapped = encodeEnvelope(api, version, request, asker);
  // It is read when the bytes that it came in are gone.
  const { errorCode, bytes } = await peer.ask(
    envelope,
    () => wrapped,
    timeoutMs,
    ({ responseData, errorCode: refusal }) => ({
      errorCode: refusal,
      bytes: responseData === null ? null : Buffer.from(responseData),
    }),
  );
  if (errorCode !== ErrorCode.NONE || bytes === null) return { errorCode, response: null };
  const headerSize = responseHeaderVersion(api, version) === 1 ? 5 : 4;
  return { errorCode, response: decode(api.response, version, bytes.subarray(headerSize)) };
}

/** The user's name; null when the bytes are none that a broker would have written. */
export function userIn(principal: Buffer | null): string | null {
  if (principal === null || !principal.subarray(0, VERSION.length).equals(VERSION)) return null;
  try {
    return decode(defaultPrincipalData, 0, principal.subarray(VERSION.length)).name;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
