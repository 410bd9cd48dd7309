/**
 * Which requests are under way: to each node one at a time, and after one that failed not at once
 * again. A response to anything else comes too late, and is not looked at.
 */
import type { VoterSet } from "../voter-set.ts";
import type { ApiVersionsRequest, RaftRequest } from "./messages.ts";
import type { Turn } from "./effects.ts";
import type { Connection, Destination, RaftConfig, RaftState } from "./state.ts";

const NONE = -1;

function isReady(turn: Turn, id: number): boolean {
  const found = find(turn.state, id);
  return found === undefined || isDone(turn, found);
}

export function isBackingOff(turn: Turn, id: number): boolean {
  const found = find(turn.state, id);
  return found !== undefined && found.requestId === NONE && !isDone(turn, found);
}

export function hasTimedOut(turn: Turn, id: number): boolean {
  const found = find(turn.state, id);
  return found !== undefined && found.requestId !== NONE && isDone(turn, found);
}

export function isAnyUnderWay(turn: Turn): boolean {
  const { connections } = turn.state;
  return connections.some((each) => each.requestId !== NONE && !isDone(turn, each));
}

/** False when another request to that node is under way, or one has just failed. */
export function sendWhenReady(
  turn: Turn,
  to: Destination,
  request: RaftRequest | ApiVersionsRequest,
): boolean {
  if (!isReady(turn, to.id)) return false;
  const { state, nowMs } = turn;
  const requestId = state.nextRequestId++;
  forget(state, to.id);
  state.connections.push({ id: to.id, requestId, kind: request.kind, sinceAtMs: nowMs });
  turn.effects.push({ kind: "send", to, requestId, request });
  return true;
}

/** Who was asked; null where nobody waits for it any more. */
export function expected({ connections }: RaftState, requestId: number): Connection | null {
  return connections.find((each) => each.requestId === requestId) ?? null;
}

export function answered(turn: Turn, connection: Connection, isSuccess: boolean): void {
  // What the response has led to may have begun the connection anew.
  if (!turn.state.connections.includes(connection)) return;
  if (isSuccess) {
    forget(turn.state, connection.id);
    return;
  }
  connection.requestId = NONE;
  connection.sinceAtMs = turn.nowMs;
}

export function forget(state: RaftState, id: number): void {
  state.connections = state.connections.filter((each) => each.id !== id);
}

export function forgetAll(state: RaftState): void {
  state.connections = [];
}

/** Where a voter is reached; null when it says nothing of our listener. */
export function voterAddress(state: RaftState, voters: VoterSet, id: number): Destination | null {
  const { listener } = state.config;
  const endpoint = voters.get(id)?.endpoints.find(({ name }) => name === listener);
  return endpoint === undefined ? null : { id, host: endpoint.host, port: endpoint.port };
}

/** Any that is ready, beginning anywhere; null while a request is under way. */
export function readyBootstrapServer(turn: Turn): Destination | null {
  const { bootstrapServers } = turn.state.config;
  if (bootstrapServers.length === 0 || isAnyUnderWay(turn)) return null;
  const first = turn.below(bootstrapServers.length);
  for (let step = 0; step < bootstrapServers.length; step++) {
    const index = (first + step) % bootstrapServers.length;
    const id = -2 - index;
    if (isReady(turn, id)) return { ...bootstrapServers[index]!, id };
  }
  return null;
}

function find({ connections }: RaftState, id: number): Connection | undefined {
  return connections.find((each) => each.id === id);
}

function isDone(turn: Turn, connection: Connection): boolean {
  return turn.nowMs >= endAtMs(turn.state.config, connection);
}

/** When it has waited long enough: for its response, or after it has failed. */
export function endAtMs(config: RaftConfig, { requestId, sinceAtMs }: Connection): number {
  return sinceAtMs + (requestId === NONE ? config.retryBackoffMs : config.requestTimeoutMs);
}
