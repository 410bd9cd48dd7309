/** A controller listener that answers the requests of a quorum, over sockets in memory. */
import type { Socket, SocketHandler } from "../../../src/base/world.ts";
import type { MetadataNode } from "../../../src/metadata/metadata-node.ts";
import { decode, encode } from "../../../src/protocol/compile.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { apiVersions } from "../../../src/protocol/messages/18-api-versions.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../../../src/protocol/messages/header.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import { decoderOf } from "../../../src/protocol/compile.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import type { Answering } from "../../../src/raft/adapter/adapter.ts";
import { fetchSnapshotAdapter } from "../../../src/raft/adapter/fetch-snapshot.ts";
import { fetchAdapter } from "../../../src/raft/adapter/fetch.ts";
import {
  beginQuorumEpochAdapter,
  endQuorumEpochAdapter,
} from "../../../src/raft/adapter/quorum-epoch.ts";
import { voteAdapter } from "../../../src/raft/adapter/vote.ts";
import {
  addVoterAdapter,
  removeVoterAdapter,
  updateVoterAdapter,
} from "../../../src/raft/adapter/voter-changes.ts";
import type { RaftRequest, RaftResponse } from "../../../src/raft/core/messages.ts";
import { answerRaft } from "../../../src/raft/raft-server.ts";

type Answer = (node: MetadataNode, body: Buffer, version: number) => Promise<Buffer>;

const ANSWERS = new Map<
  number,
  { readonly api: Api<unknown, never, unknown, never>; answer: Answer }
>();

function answering<Request extends RaftRequest, Response extends RaftResponse, Q, QI, R, RI>(
  adapter: Answering<Request, Response, Q, RI> & { readonly api: Api<Q, QI, R, RI> },
): void {
  const { api } = adapter;
  const answer: Answer = async (node, body, version) => {
    const request = decode(api.request, version, body) as Q & { readonly clusterId: string | null };
    const caller = { listener: "CONTROLLER", version };
    return encode(api.response, version, await answerRaft(node.raft, adapter, request, caller));
  };
  ANSWERS.set(api.key, { api: api as unknown as Api<unknown, never, unknown, never>, answer });
}

answering(voteAdapter);
answering(beginQuorumEpochAdapter);
answering(endQuorumEpochAdapter);
answering(fetchAdapter);
answering(fetchSnapshotAdapter);
answering(addVoterAdapter);
answering(removeVoterAdapter);
answering(updateVoterAdapter);

const FETCH_SINCE = 12;

/** Every version that this program has, and kraft.version among the features. */
function versions(version: number): Buffer {
  const apis = [...ANSWERS.values()].map(({ api }) => ({
    apiKey: api.key,
    minVersion: api.key === fetch.key ? FETCH_SINCE : api.versions[0],
    maxVersion: api.stableVersion,
  }));
  const [minVersion, maxVersion] = apiVersions.versions;
  apis.push({ apiKey: apiVersions.key, minVersion, maxVersion });
  const supportedFeatures = [{ name: "kraft.version", minVersion: 0, maxVersion: 1 }];
  return encode(apiVersions.response, version, { errorCode: 0, apiKeys: apis, supportedFeatures });
}

/** Requests of one connection are answered one after the other. */
export function controllerListener(node: () => MetadataNode | null) {
  return (socket: Socket): SocketHandler => {
    let received = Buffer.alloc(0);
    let unsent = Buffer.alloc(0);
    let last = Promise.resolve();
    const flush = (): void => {
      const taken = unsent.length === 0 ? 0 : socket.write(unsent, 0, unsent.length);
      unsent = unsent.subarray(Math.max(taken, 0));
    };
    const answerOne = async (frame: Buffer): Promise<void> => {
      const answer = await answerTo(node(), frame);
      if (answer === null) return socket.terminate();
      unsent = Buffer.concat([unsent, answer]);
      flush();
    };
    return {
      data(chunk) {
        received = Buffer.concat([received, chunk]);
        while (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
          const size = 4 + received.readInt32BE();
          const frame = received.subarray(4, size);
          received = received.subarray(size);
          last = last.then(() => answerOne(frame));
        }
      },
      drain: flush,
      end: () => socket.shutdown(),
      close() {},
    };
  };
}

async function answerTo(node: MetadataNode | null, frame: Buffer): Promise<Buffer | null> {
  const [key, version] = [frame.readInt16BE(0), frame.readInt16BE(2)];
  const found = ANSWERS.get(key);
  const api = key === apiVersions.key ? apiVersions : found?.api;
  if (api === undefined || node === null) return null;
  const reader = new Reader(frame);
  const header = decoderOf(requestHeader, requestHeaderVersion(api, version))(reader);
  const body = frame.subarray(reader.position);
  const answer = found === undefined ? versions(version) : await found.answer(node, body, version);
  const isFlexible = responseHeaderVersion(api, version) === 1;
  const prefix = Buffer.alloc(isFlexible ? 9 : 8);
  prefix.writeInt32BE(prefix.length - 4 + answer.length);
  prefix.writeInt32BE(header.correlationId, 4);
  return Buffer.concat([prefix, answer]);
}
