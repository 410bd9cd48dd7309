/**
 * Every state that a small cluster can reach, over the very functions that are shipped: each order
 * of messages, timeouts, appends, syncs that end late, lost messages and crashes within bounds.
 *
 * To make the states finite, time stands still: a timer may run out at any moment, and what is left
 * of it does not count. Requests are numbered anew in each state, and responses that nobody waits
 * for any more are forgotten.
 */
import { type RaftState, NEVER_MS, type Role } from "../../../src/raft/core/state.ts";
import { CLIENT, Cluster, type Message, type TestNode } from "./cluster.ts";
import { addReplicas } from "./replicas.ts";

export interface Bounds {
  readonly voters: number;
  readonly epochMax: number;
  /** Of client batches that are appended at all. */
  readonly appends: number;
  readonly messagesMax: number;
  readonly crashes: number;
  /** Of messages. */
  readonly losses: number;
  readonly areSyncsLate: boolean;
  /** Gives up above that: a bound that was chosen too wide. */
  readonly statesMax: number;
}

export interface Explored {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** In how many of them something is committed, and the most epochs with a leader. */
  readonly withCommits: number;
  readonly committedMax: number;
  readonly leadersMax: number;
}

/** What is left of the bounds, in a state. */
interface World {
  readonly cluster: Cluster;
  readonly appends: number;
  readonly crashes: number;
  readonly losses: number;
}

const SOON_MS = 50;
const LATER_MS = 100;

export function explore(bounds: Bounds): Explored {
  const first = { cluster: firstCluster(bounds), appends: 0, crashes: 0, losses: 0 };
  for (const id of first.cluster.nodes.keys()) normalize(first.cluster, id);
  const seen = new Set<bigint>([hashOf(first)]);
  let frontier: World[] = [first];
  const found = { transitions: 0, depth: 0, withCommits: 0, committedMax: 0, leadersMax: 0 };
  while (frontier.length > 0) {
    const next: World[] = [];
    for (const world of frontier) {
      count(found, world);
      for (const successor of successors(world, bounds)) {
        found.transitions++;
        if (!isWithin(successor, bounds)) continue;
        const hash = hashOf(successor);
        if (seen.has(hash)) continue;
        seen.add(hash);
        next.push(successor);
      }
      if (seen.size > bounds.statesMax) throw new Error(`more than ${bounds.statesMax} states`);
    }
    if (next.length > 0) found.depth++;
    frontier = next;
  }
  return { states: seen.size, ...found };
}

function firstCluster({ voters, areSyncsLate }: Bounds): Cluster {
  const cluster = new Cluster();
  cluster.isFlushedAtOnce = !areSyncsLate;
  const ids = Array.from({ length: voters }, (_, index) => index + 1);
  const config = {
    fetchMaxWaitMs: 0,
    retryBackoffMs: 0,
    requestTimeoutMs: 1_000_000,
    // Who fetches without a leader adds nothing but states.
    bootstrapServers: [],
  };
  addReplicas(cluster, { voters: ids, observers: [], isDynamic: false, config });
  return cluster;
}

function* successors(world: World, bounds: Bounds): Iterable<World> {
  const { cluster } = world;
  for (const index of cluster.messages.keys()) {
    const { from, to, request } = cluster.messages[index]!;
    yield changed(world, to, (copy) => copy.deliver(copy.messages.splice(index, 1)[0]!));
    if (world.losses >= bounds.losses) continue;
    // The connection breaks: who has asked is told.
    const asking = request === null ? to : from;
    const lost = changed(world, asking, (copy) => {
      const { requestId } = copy.messages.splice(index, 1)[0]!;
      copy.step(asking, { kind: "failed", requestId });
    });
    yield { ...lost, losses: world.losses + 1 };
  }
  for (const [id, { state, flush }] of cluster.nodes) {
    if (state === null) {
      yield changed(world, id, (copy) => copy.start(id));
      continue;
    }
    yield changed(world, id, (copy) => copy.tick(id, LATER_MS));
    if (state.role.name === "leader") {
      yield changed(world, id, (copy) => copy.tick(id, SOON_MS));
      if (world.appends < bounds.appends) {
        const payload = `${world.appends}`;
        const appended = changed(world, id, (copy) => copy.append(id, payload));
        yield { ...appended, appends: world.appends + 1 };
      }
    }
    if (flush !== null) yield changed(world, id, (copy) => copy.flush(id));
    if (world.crashes >= bounds.crashes) continue;
    const crashed = changed(world, id, (copy) => copy.crash(id));
    yield { ...crashed, crashes: world.crashes + 1 };
  }
}

function changed(world: World, id: number, change: (copy: Cluster) => void): World {
  const cluster = world.cluster.clone(id);
  change(cluster);
  normalize(cluster, id);
  if (cluster.faults.length > 0) throw new Error(cluster.faults.join("; "));
  return { ...world, cluster };
}

function isWithin({ cluster }: World, { epochMax, messagesMax }: Bounds): boolean {
  if (cluster.messages.length > messagesMax) return false;
  return [...cluster.nodes.values()].every(
    ({ state }) => state === null || state.election.leaderEpoch <= epochMax,
  );
}

/** The one node that has changed: to one of all states that do the same. */
function normalize(cluster: Cluster, id: number): void {
  const node = cluster.node(id);
  node.nowMs = 0;
  if (node.state !== null) {
    normalizeTimes(node.state);
    renumber(cluster, id, node.state);
  }
  cluster.messages = cluster.messages.filter(
    ({ to, request, requestId }) => request !== null || (to !== CLIENT && requestId > 0),
  );
}

function renumber(cluster: Cluster, id: number, state: RaftState): void {
  const numbers = new Map<number, number>();
  state.connections = state.connections
    .filter((each) => each.requestId >= 0)
    .toSorted((a, b) => a.id - b.id);
  for (const connection of state.connections) {
    const number = numbers.size + 1;
    numbers.set(connection.requestId, number);
    connection.requestId = number;
  }
  state.nextRequestId = numbers.size + 1;
  cluster.messages = cluster.messages.map((message) => {
    const isOurs = message.request === null ? message.to === id : message.from === id;
    // The number 0 is never waited for.
    const requestId = isOurs ? (numbers.get(message.requestId) ?? 0) : message.requestId;
    return requestId === message.requestId ? message : { ...message, requestId };
  });
}

function normalizeTimes(state: RaftState): void {
  for (const connection of state.connections) connection.sinceAtMs = 0;
  state.role = timeless(state.role);
}

function timeless(role: Role): Role {
  switch (role.name) {
    case "follower":
      return { ...role, fetchAtMs: LATER_MS, updateVoterAtMs: NEVER_MS };
    case "leader":
      for (const each of role.voters) {
        each.lastFetchAtMs = Math.min(each.lastFetchAtMs, 0);
        each.lastCaughtUpAtMs = -1;
        each.lastFetchLeaderEndOffset = -1;
      }
      return { ...role, beginQuorumEpochAtMs: SOON_MS, checkQuorumAtMs: LATER_MS };
    default:
      return { ...role, electionAtMs: LATER_MS };
  }
}

function count(
  found: { withCommits: number; committedMax: number; leadersMax: number },
  world: World,
) {
  const { committedBatches, leaders } = world.cluster.history;
  if (committedBatches.length > 0) found.withCommits++;
  found.committedMax = Math.max(found.committedMax, committedBatches.length);
  found.leadersMax = Math.max(found.leadersMax, Object.keys(leaders).length);
}

function hashOf({ cluster, appends, crashes, losses }: World): bigint {
  const nodes = [...cluster.nodes.values()].map((node) => textOf(node, nodeText));
  const messages = cluster.messages.map((message) => textOf(message, messageText)).sort();
  const { committedBatches, leaders } = cluster.history;
  const history = [batchesOf({ batches: committedBatches }), leaders];
  const whole = JSON.stringify([nodes, messages, history, appends, crashes, losses]);
  return BigInt(Bun.hash.wyhash(whole));
}

const TEXTS = new WeakMap<object, string>();

/** Most of a state is that of the one before. */
function textOf<T extends object>(part: T, toText: (part: T) => string): string {
  let text = TEXTS.get(part);
  if (text === undefined) TEXTS.set(part, (text = toText(part)));
  return text;
}

function nodeText({ state, election, log, synced, flush }: TestNode): string {
  const view = state === null ? null : viewOf(state);
  const tail = log === synced ? 0 : batchesOf(synced);
  return JSON.stringify([view, election, batchesOf(log), tail, flush]);
}

function messageText(message: Message): string {
  return JSON.stringify(message, withoutBatches);
}

/** All of it that is not the same everywhere. */
function viewOf({ election, role, log, connections, leaderEndpoints }: RaftState): unknown {
  const short =
    "votes" in role
      ? [role.name, role.votes.granted.toSorted(), role.votes.rejected.toSorted()]
      : role;
  const known = leaderEndpoints.length;
  const { flushedOffset, highWatermark, truncations } = log;
  const asked = connections.map(({ id, requestId, kind }) => [id, requestId, kind]);
  return [election, short, flushedOffset, highWatermark, truncations, asked, known];
}

function batchesOf({ batches }: { readonly batches: Cluster["history"]["committedBatches"] }) {
  return batches.map(({ epoch, payload }) => `${epoch}${String(payload)}`).join(" ");
}

function withoutBatches(key: string, value: unknown): unknown {
  if (key === "leaderEndpoints" && Array.isArray(value)) return value.length;
  return value;
}
