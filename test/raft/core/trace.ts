/**
 * Runs a trace. Its blocks are parted by empty lines: comments, a command, `----`, and the outcome.
 *
 *   cluster 1 2 3 [observers 4 5] [dynamic] [hasty]   replicas, all up
 *   elect 1                the election timer of replica 1 runs out, and all is delivered untold
 *   timeout 1              the next timer of replica 1 runs out
 *   pass 500               as much time passes for all, each ticking when it has to; of the messages
 *                          only those are told that are no Fetch
 *   deliver                all messages, and those that they lead to, until there are none
 *   deliver 1->2           those under way between two
 *   drop [1->2]            messages are lost, and nobody is told
 *   gone 2 1               replica 2 hears that nobody listens any more where replica 1 was
 *   cut 1 / join 1         nothing reaches or leaves replica 1 from now on
 *   append 1 a             the controller on replica 1 writes a batch
 *   hold 1 / sync 1        syncs of replica 1 do not end / end
 *   crash 1 / start 1      what was not synced is lost
 *   wipe 1                 its directory is another from now on, and empty; it joins by itself
 *   snapshot 1 5           of all below offset 5; the log begins there
 *   resign 1, shutdown 1
 *   add 1 4, remove 1 3, update 1 3           voter changes, asked of replica 1
 *   ask 1 {...}            any request, with what is left out filled in
 *   status
 */
import { assert } from "../../../src/base/assert.ts";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import type { Effect } from "../../../src/raft/core/effects.ts";
import type {
  ApiVersionsRequest,
  LeaderAnswer,
  RaftRequest,
  RaftResponse,
} from "../../../src/raft/core/messages.ts";
import { nextTickAtMs } from "../../../src/raft/core/raft-core.ts";
import { NEVER_MS } from "../../../src/raft/core/state.ts";
import { lastVoters } from "../../../src/raft/core/voter-history.ts";
import { Cluster, type Message, type TestNode, setStaticVoters } from "./cluster.ts";
import { CLUSTER_ID, addReplicas, directoryOf, voterOf } from "./replicas.ts";

export function runTrace(text: string): string {
  const trace = new Trace();
  const blocks = text.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => trace.run(block)).join("\n\n")}\n`;
}

const DELIVERIES_MAX = 500;

class Trace {
  #cluster = new Cluster();
  #lines: string[] = [];
  #nowMs = 0;
  #isQuiet = false;
  #requestId = 0;
  readonly #cut = new Set<number>();
  readonly #held = new Set<number>();

  run(block: string): string {
    const [said] = block.split("\n----");
    assert(said !== undefined, "a block has a command");
    const commands = said.split("\n").filter((line) => !line.startsWith("#"));
    if (commands.length === 0) return said;
    this.#lines = [];
    for (const command of commands) this.#runOne(command);
    const lines = this.#lines.length === 0 ? ["ok"] : this.#lines;
    return [said, "----", ...lines].join("\n");
  }

  #runOne(command: string): void {
    const [name = "", ...words] = command.split(" ");
    const id = Number(words[0]);
    const cluster = this.#cluster;
    switch (name) {
      case "cluster":
        return this.#begin(words);
      case "timeout":
        return this.#timeout(id);
      case "elect": {
        this.#timeout(id);
        this.#deliver(undefined);
        const { role, election } = cluster.state(id);
        this.#lines = [`${id} is ${role.name} of epoch ${election.leaderEpoch}`];
        return;
      }
      case "pass":
        return this.#pass(Number(words[0]));
      case "deliver":
        return this.#deliver(words[0]);
      case "drop":
        cluster.messages = cluster.messages.filter((each) => !isOn(each, words[0]));
        return;
      case "cut":
        this.#cut.add(id);
        return;
      case "join":
        this.#cut.delete(id);
        return;
      case "append":
        cluster.append(id, words[1]);
        return this.#settle();
      case "hold":
        this.#held.add(id);
        return;
      case "sync":
        this.#held.delete(id);
        return this.#settle();
      case "crash":
        return cluster.crash(id);
      case "start":
        cluster.node(id).nowMs = this.#nowMs;
        cluster.start(id);
        return this.#settle();
      default:
        return this.#runOther(name, id, words);
    }
  }

  #runOther(name: string, id: number, words: readonly string[]): void {
    const cluster = this.#cluster;
    switch (name) {
      case "snapshot":
        return cluster.takeSnapshot(id, Number(words[1]), true);
      case "wipe":
        return this.#wipe(id);
      case "resign":
        cluster.step(id, { kind: "resign", epoch: cluster.state(id).election.leaderEpoch });
        return this.#settle();
      case "shutdown":
        cluster.step(id, { kind: "shutdown" });
        return this.#settle();
      case "add":
      case "remove":
      case "update":
        return this.#changeVoters(name, id, Number(words[1]));
      case "gone":
        return this.#gone(id, Number(words[1]));
      case "ask":
        return this.#ask(id, JSON.parse(words.slice(1).join(" ")) as Asked);
      case "status":
        return this.#status();
      default:
        throw new Error(`unknown command ${name}`);
    }
  }

  #begin(words: readonly string[]): void {
    const isDynamic = words.includes("dynamic");
    const at = words.indexOf("observers");
    const numbers = (from: readonly string[]) => from.map(Number).filter((id) => !Number.isNaN(id));
    const voters = numbers(at < 0 ? words : words.slice(0, at));
    const observers = at < 0 ? [] : numbers(words.slice(at));
    this.#cluster.isFlushedAtOnce = false;
    // Each waits for its own time: no two are ever the same.
    this.#cluster.below = (id, bound) => (id * 100) % bound;
    this.#cluster.watch = (id, effect) => this.#tell(id, effect);
    const config = { isHasty: words.includes("hasty") };
    addReplicas(this.#cluster, { voters, observers, isDynamic, config });
    this.#settle();
  }

  #gone(id: number, goneId: number): void {
    const { connections } = this.#cluster.state(id);
    const { requestId } = connections.find((each) => each.id === goneId)!;
    this.#cluster.node(id).nowMs = this.#nowMs;
    this.#cluster.step(id, { kind: "failed", requestId, isUnreachable: true });
    this.#settle();
  }

  #timeout(id: number): void {
    const { role } = this.#cluster.state(id);
    const timers = Object.entries(role).filter(([name]) =>
      /^(election|fetch|checkQuorum)AtMs$/.test(name),
    );
    const atMs = Math.min(...timers.map(([, value]) => Number(value)));
    this.#nowMs = Math.max(this.#nowMs, atMs);
    this.#cluster.tick(id, this.#nowMs);
    this.#settle();
  }

  #pass(forMs: number): void {
    this.#isQuiet = true;
    const untilMs = this.#nowMs + forMs;
    for (;;) {
      const up = [...this.#cluster.nodes.values()].filter(({ state }) => state !== null);
      const next = up.map((node) => ({ node, atMs: nextTickAtMs(node.state!, node.nowMs) }));
      const [first] = next.toSorted((a, b) => a.atMs - b.atMs);
      if (first === undefined || first.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, first.atMs);
      this.#cluster.tick(first.node.config.local.id, this.#nowMs);
      this.#settle();
      this.#deliver(undefined);
    }
    this.#nowMs = untilMs;
    for (const [id, { state }] of this.#cluster.nodes) if (state) this.#cluster.tick(id, untilMs);
    this.#settle();
    this.#isQuiet = false;
  }

  #deliver(between: string | undefined): void {
    const cluster = this.#cluster;
    for (let count = 0; count < DELIVERIES_MAX; count++) {
      const index = cluster.messages.findIndex((each) => isOn(each, between));
      const message = cluster.messages[index];
      if (message === undefined) return;
      cluster.messages.splice(index, 1);
      if (this.#cut.has(message.from) || this.#cut.has(message.to)) continue;
      const { from, to, request, response } = message;
      cluster.node(to).nowMs = this.#nowMs;
      const said = request === null ? responseText(response!) : requestText(request);
      const isTold = !this.#isQuiet || (request ?? response)?.kind !== "fetch";
      if (isTold)
        this.#lines.push(
          `${from}->${to} ${said}${cluster.node(to).state === null ? " (down)" : ""}`,
        );
      cluster.deliver(message);
      this.#settle();
    }
    throw new Error("messages without end");
  }

  #wipe(id: number): void {
    const node = this.#cluster.node(id);
    this.#cluster.crash(id);
    const config = { ...node.config, local: voterOf(id, 1), autoJoin: true };
    const log = { startOffset: 0, batches: [] };
    setStaticVoters(config, new Map());
    const wiped = { ...node, config, election: null, log, synced: log, snapshots: [] };
    this.#cluster.nodes.set(id, wiped);
  }

  #changeVoters(name: "add" | "remove" | "update", to: number, id: number): void {
    const { directoryId, endpoints, kraftVersionMin, kraftVersionMax } = voterOf(id);
    const voter = { clusterId: CLUSTER_ID, voterId: id, voterDirectoryId: directoryId };
    if (name === "remove") return this.#ask(to, { kind: "removeVoter", ...voter });
    if (name === "add") {
      const add = { endpoints, timeoutMs: 1000, ackWhenCommitted: true };
      return this.#ask(to, { kind: "addVoter", ...voter, ...add });
    }
    const moved = endpoints.map((each) => ({ ...each, port: each.port + 1 }));
    const currentLeaderEpoch = this.#cluster.state(to).election.leaderEpoch;
    const update = { currentLeaderEpoch, endpoints: moved, kraftVersionMin, kraftVersionMax };
    this.#ask(to, { kind: "updateVoter", ...voter, ...update });
  }

  #ask(to: number, asked: Asked): void {
    const { kind } = asked;
    const request = { ...DEFAULTS[kind], clusterId: CLUSTER_ID, ...asked } as RaftRequest;
    this.#cluster.node(to).nowMs = this.#nowMs;
    this.#cluster.ask(to, ++this.#requestId, request);
    this.#settle();
  }

  /** Syncs end, and what was asked from outside is answered. */
  #settle(): void {
    const cluster = this.#cluster;
    for (const [id, node] of cluster.nodes) {
      if (node.flush === null || this.#held.has(id)) continue;
      cluster.flush(id);
      return this.#settle();
    }
    for (const { response } of cluster.answers)
      this.#lines.push(`answer ${responseText(response)}`);
    cluster.answers = [];
    for (const fault of cluster.faults) this.#lines.push(`fault ${fault}`);
    cluster.faults = [];
  }

  #tell(id: number, effect: Effect): void {
    const text = effectText(effect);
    if (text !== null) this.#lines.push(`  ${id}: ${text}`);
  }

  #status(): void {
    for (const [id, node] of this.#cluster.nodes) this.#lines.push(`${id}: ${statusText(node)}`);
  }
}

type Asked = Partial<RaftRequest> & Pick<RaftRequest, "kind">;

const ANYBODY = { voterId: -1, voterDirectoryId: ZERO_UUID };
const DEFAULTS: Readonly<Record<RaftRequest["kind"], object>> = {
  vote: { ...ANYBODY, replicaDirectoryId: directoryOf(9), preVote: false },
  beginQuorumEpoch: { ...ANYBODY, leaderEndpoints: [] },
  endQuorumEpoch: { leaderEndpoints: [], preferredCandidates: [] },
  fetch: {
    replicaDirectoryId: directoryOf(9),
    highWatermark: -1,
    maxWaitMs: 0,
    maxBytes: 10,
    fetchOffset: 0,
    lastFetchedEpoch: 0,
  },
  fetchSnapshot: { replicaId: 9, replicaDirectoryId: directoryOf(9), position: 0, maxBytes: 9 },
  addVoter: { voterDirectoryId: ZERO_UUID, endpoints: [], timeoutMs: 1000, ackWhenCommitted: true },
  removeVoter: { voterDirectoryId: ZERO_UUID },
  updateVoter: { endpoints: [], kraftVersionMin: 0, kraftVersionMax: 1 },
};

function isOn({ from, to }: Message, between: string | undefined): boolean {
  return between === undefined || between === `${from}->${to}`;
}

function effectText(effect: Effect): string | null {
  switch (effect.kind) {
    case "persist": {
      const { leaderEpoch, leaderId, votedId } = effect.election;
      return `persist epoch=${leaderEpoch} leader=${leaderId} voted=${votedId}`;
    }
    case "append": {
      const { baseOffset, endOffset, epoch, payload } = effect.batch;
      const what =
        effect.controls?.map(({ name }) => name).join("+") ?? String(payload ?? "control");
      return `append ${baseOffset}-${endOffset}@${epoch} ${what}`;
    }
    case "truncate":
      return `truncate to ${effect.endOffset}`;
    case "advanceHighWatermark":
      return `high watermark ${effect.offset}`;
    case "leaderChanged":
      return `leader of ${effect.epoch} is ${effect.leaderId}`;
    case "beginSnapshot":
    case "completeSnapshot":
    case "dropSnapshot":
      return `${effect.kind} ${effect.id.endOffset}@${effect.id.epoch}`;
    default:
      return null;
  }
}

function requestText(request: RaftRequest | ApiVersionsRequest): string {
  switch (request.kind) {
    case "vote": {
      const { replicaEpoch, lastOffset, lastOffsetEpoch, preVote } = request;
      const name = preVote ? "pre-vote?" : "vote?";
      return `${name} epoch=${replicaEpoch} log=${lastOffset}@${lastOffsetEpoch}`;
    }
    case "beginQuorumEpoch":
      return `begin epoch=${request.leaderEpoch}`;
    case "endQuorumEpoch": {
      const next = request.preferredCandidates.map(({ id }) => id).join(",");
      return `end epoch=${request.leaderEpoch} next=${next}`;
    }
    case "fetch": {
      const { currentLeaderEpoch, fetchOffset, lastFetchedEpoch } = request;
      return `fetch epoch=${currentLeaderEpoch} at=${fetchOffset}@${lastFetchedEpoch}`;
    }
    case "fetchSnapshot": {
      const { endOffset, epoch } = request.snapshotId;
      return `fetch snapshot ${endOffset}@${epoch} position=${request.position}`;
    }
    default:
      return request.kind;
  }
}

function responseText(response: RaftResponse): string {
  const { kind, topLevelError } = response;
  if (topLevelError !== ErrorCode.NONE) {
    const message = "errorMessage" in response ? ` ${response.errorMessage}` : "";
    return `${kind} ${errorName(topLevelError)}${message}`;
  }
  if (!isLeaderAnswer(response)) return `${kind} done`;
  const { errorCode, leaderEpoch, leaderId } = response;
  const of = `epoch=${leaderEpoch} leader=${leaderId}`;
  if (errorCode !== ErrorCode.NONE) return `${kind} ${errorName(errorCode)} ${of}`;
  if (response.kind === "vote") return `${response.voteGranted ? "yes" : "no"} ${of}`;
  if (response.kind === "fetchSnapshot") {
    const { position, byteCount, size } = response;
    return `snapshot bytes ${position}-${position + byteCount} of ${size}`;
  }
  if (response.kind !== "fetch") return `${kind} ok ${of}`;
  const { batches, divergingEpoch, snapshotId, highWatermark } = response;
  const texts = batches.map(
    ({ baseOffset, endOffset, epoch }) => `${baseOffset}-${endOffset}@${epoch}`,
  );
  if (divergingEpoch) texts.push(`diverging ${divergingEpoch.endOffset}@${divergingEpoch.epoch}`);
  if (snapshotId) texts.push(`snapshot ${snapshotId.endOffset}@${snapshotId.epoch}`);
  return `records [${texts.join(" ")}] hw=${highWatermark}`;
}

function isLeaderAnswer(response: RaftResponse): response is LeaderAnswer {
  return "errorCode" in response;
}

function errorName(code: ErrorCode): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}

function statusText({ state, log }: TestNode): string {
  if (state === null) return "down";
  const { role, election, log: view, quorum } = state;
  const { leaderEpoch, leaderId, votedId } = election;
  const batches = log.batches.map(({ baseOffset, epoch }) => `${baseOffset}@${epoch}`).join(" ");
  const voters = [...lastVoters(quorum).keys()].join(",");
  const start = view.startOffset > 0 ? ` start=${view.startOffset}` : "";
  assert(view.highWatermark < NEVER_MS, "an offset");
  return (
    `${role.name} epoch=${leaderEpoch} leader=${leaderId} voted=${votedId} hw=${view.highWatermark} ` +
    `end=${view.endOffset}${start} voters=${voters} [${batches}]`
  );
}
