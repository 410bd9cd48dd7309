/** What a fetcher needs of a leader: to be asked, and left. */
import type { NodePeer } from "../../client/node-peer.ts";

export type Peer = Pick<NodePeer, "ask" | "close">;
