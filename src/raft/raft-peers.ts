/** The other nodes of the quorum, each with one connection: asks them what the core wants asked. */
import { NodePeer, type PeerOptions } from "../client/node-peer.ts";
import { NodeError } from "../client/node-error.ts";
import { type Asked, type Asking, VersionError } from "./adapter/adapter.ts";
import { fetchSnapshotAdapter } from "./adapter/fetch-snapshot.ts";
import { fetchAdapter } from "./adapter/fetch.ts";
import { beginQuorumEpochAdapter, endQuorumEpochAdapter } from "./adapter/quorum-epoch.ts";
import { voteAdapter } from "./adapter/vote.ts";
import {
  addVoterAdapter,
  apiVersionsAdapter,
  removeVoterAdapter,
  updateVoterAdapter,
} from "./adapter/voter-changes.ts";
import type { RaftResponse } from "./core/messages.ts";
import type { Address } from "./core/state.ts";

export interface RaftPeersOptions extends Omit<PeerOptions, "host" | "port"> {
  /** Endpoints in responses are those of this listener. */
  readonly listener: string;
  readonly requestTimeoutMs: number;
}

/** Nodes come and go; whoever was not asked for longest is forgotten. */
const PEERS_MAX = 64;

export class RaftPeers {
  readonly #options: RaftPeersOptions;
  /** By address, the one that was asked last at the end. */
  readonly #peers = new Map<string, NodePeer>();

  constructor(options: RaftPeersOptions) {
    this.#options = options;
  }

  /** Rejects with `NodeError`, or `ProtocolError` where the response makes no sense. */
  ask(to: Address, request: Asked): Promise<RaftResponse> {
    const peer = this.#peerAt(to);
    switch (request.kind) {
      case "vote":
        return this.#ask(peer, voteAdapter, request);
      case "beginQuorumEpoch":
        return this.#ask(peer, beginQuorumEpochAdapter, request);
      case "endQuorumEpoch":
        return this.#ask(peer, endQuorumEpochAdapter, request);
      case "fetch":
        return this.#ask(peer, fetchAdapter, request);
      case "fetchSnapshot":
        return this.#ask(peer, fetchSnapshotAdapter, request);
      case "addVoter":
        return this.#ask(peer, addVoterAdapter, request);
      case "removeVoter":
        return this.#ask(peer, removeVoterAdapter, request);
      case "updateVoter":
        return this.#ask(peer, updateVoterAdapter, request);
      case "apiVersions":
        return this.#ask(peer, apiVersionsAdapter, request);
    }
  }

  /** Whether it says that nobody listens there. */
  isUnreachable(error: unknown): boolean {
    return error instanceof NodeError && error.reason === "unreachable";
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  async #ask<Request, Response extends RaftResponse, Q, QI, R, RI>(
    peer: NodePeer,
    adapter: Asking<Request, Response, Q, QI, R, RI>,
    request: Request,
  ): Promise<RaftResponse> {
    const { listener, requestTimeoutMs } = this.#options;
    try {
      return await peer.ask(
        adapter.api,
        (version) => adapter.requestTo(request, version),
        requestTimeoutMs,
        (response) => adapter.responseFrom(response, listener),
      );
    } catch (error) {
      const isTooOld = error instanceof NodeError && error.reason === "unsupported";
      if (isTooOld || error instanceof VersionError) return adapter.unsupported;
      throw error;
    }
  }

  #peerAt({ host, port }: Address): NodePeer {
    const key = `${host}:${port}`;
    const peer = this.#peers.get(key) ?? new NodePeer({ ...this.#options, host, port });
    this.#peers.delete(key);
    this.#peers.set(key, peer);
    if (this.#peers.size > PEERS_MAX) this.#forgetOldest();
    return peer;
  }

  #forgetOldest(): void {
    const [oldest] = this.#peers;
    if (oldest === undefined) return;
    const [key, peer] = oldest;
    this.#peers.delete(key);
    peer.close();
  }
}
