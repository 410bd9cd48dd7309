/** Every message of the protocol, for tests that must leave none out. */
import * as classicGroup from "../../src/protocol/records/classic-group.ts";
import * as consumerGroup from "../../src/protocol/records/consumer-group.ts";
import * as consumerProtocol from "../../src/protocol/records/consumer-protocol.ts";
import * as control from "../../src/protocol/records/control.ts";
import * as metadata from "../../src/protocol/records/metadata.ts";
import * as principal from "../../src/protocol/records/principal.ts";
import * as producerSnapshot from "../../src/protocol/records/producer-snapshot.ts";
import * as quorumState from "../../src/protocol/records/quorum-state.ts";
import * as remoteLog from "../../src/protocol/records/remote-log.ts";
import * as shareGroup from "../../src/protocol/records/share-group.ts";
import * as shareState from "../../src/protocol/records/share-state.ts";
import * as streamsGroup from "../../src/protocol/records/streams-group.ts";
import * as transaction from "../../src/protocol/records/transaction.ts";
import { requestHeader, responseHeader } from "../../src/protocol/messages/header.ts";
import { apis } from "../../src/protocol/messages/index.ts";
import { Message, type AnyMessage } from "../../src/protocol/schema.ts";

export const requestMessages: readonly AnyMessage[] = [
  requestHeader,
  responseHeader,
  ...apis.flatMap((api): AnyMessage[] => [api.request, api.response]),
];

export const recordMessages: readonly AnyMessage[] = [
  classicGroup,
  consumerGroup,
  consumerProtocol,
  control,
  metadata,
  principal,
  producerSnapshot,
  quorumState,
  remoteLog,
  shareGroup,
  shareState,
  streamsGroup,
  transaction,
].flatMap((module) => Object.values(module).filter(isMessage));

export const allMessages: readonly AnyMessage[] = [...requestMessages, ...recordMessages];

export function versionsOf(message: AnyMessage): number[] {
  const [lowest, highest] = message.versions;
  return Array.from({ length: highest - lowest + 1 }, (_, index) => lowest + index);
}

function isMessage(exported: unknown): exported is AnyMessage {
  return exported instanceof Message;
}
