/**
 * The controller as a state machine: a command looks at the state and returns records and a
 * response. The image is changed by the records alone, when they are applied (metadata-node.ts),
 * and the response leaves when they are committed. Only the sessions of brokers, which are in no
 * log, are changed by commands.
 *
 * A command that may take long can stop between its steps: nothing else is decided meanwhile.
 */
import { type Steps, finishNow } from "../../base/slices.ts";
import type { Random } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { type ConfigResource, ConfigResourceType, type Configs } from "../configs-image.ts";
import type { SupportedFeatures } from "../features.ts";
import type { MetadataImage } from "../image.ts";
import type { NewRecord } from "../record.ts";
import type { BrokerSessions } from "./broker-sessions.ts";

export type Command<Response> = (
  state: ControllerState,
) => CommandResult<Response> | Steps<CommandResult<Response>>;

/** Without a break. */
export function decide<R>(command: Command<R>, state: ControllerState): CommandResult<R> {
  const decided = command(state);
  return "records" in decided ? decided : finishNow(decided);
}

export interface CommandResult<Response> {
  readonly records: readonly NewRecord[];
  readonly response: Response;
  /** All records or none survive a crash: they go into one batch. */
  readonly isAtomic: boolean;
}

/** What a command may look at. */
export interface ControllerState {
  /** With all records so far, committed or not. */
  readonly image: MetadataImage;
  readonly rules: ControllerRules;
  readonly sessions: BrokerSessions;
  /** Where the first record of this command will lie. */
  readonly nextOffset: number;
  readonly kraftVersion: number;
  readonly random: Random;
}

/** Settings of this node, and the rules that only upper layers know. */
export interface ControllerRules {
  readonly nodeId: number;
  readonly defaultReplicationFactor: number;
  readonly numPartitions: number;
  /** What this program can run; anything else is refused as a new level. */
  readonly supportedFeatures: SupportedFeatures;
  readonly configs: ConfigRules;
}

/** KIP-599: how many partitions somebody may create and delete in a time. */
export interface MutationPermits {
  /** False when it is too many for now: then none are taken. */
  take(partitionCount: number): boolean;
}

/** What the table of settings says; handed down from broker/. */
export interface ConfigRules {
  /** Null when all is well. `configs` is everything that the resource would have. */
  check(resource: ConfigResource, configs: Configs, existing: Configs): Refusal | null;
  /** Whether values may be appended and subtracted. */
  isList(type: number, key: string): boolean;
  /** What APPEND adds to while nothing is set. */
  defaultOf(type: number, key: string): string | null;
  /** A topic's setting where neither the topic nor any dynamic broker setting says anything. */
  staticTopicConfig(key: string): string;
  /** All settings of a topic that has these of its own, as CreateTopics answers them. */
  effectiveTopicConfigs(own: Configs, image: MetadataImage): readonly EffectiveConfig[];
}

export interface EffectiveConfig {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  /** As in the CreateTopics response: 1 topic, 2 broker, 3 cluster default, 4 static, 5 default. */
  readonly configSource: number;
  readonly isSensitive: boolean;
}

export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

/** More than this many records from one request are refused as a whole. */
export const RECORDS_PER_COMMAND_MAX = 10_000;

export const TOO_MANY_RECORDS: Refusal = {
  errorCode: ErrorCode.POLICY_VIOLATION,
  errorMessage: "Unable to perform excessively large batch operation.",
};

/** No refusal. */
export const DONE: Refusal = { errorCode: ErrorCode.NONE, errorMessage: null };

export const TOO_MANY_MUTATIONS: Refusal = {
  errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  errorMessage: null,
};

export function refusal(errorCode: ErrorCode, errorMessage: string | null): Refusal {
  return { errorCode, errorMessage };
}

export function atomic<R>(records: readonly NewRecord[], response: R): CommandResult<R> {
  return { records, response, isAtomic: true };
}

/** May be cut into several batches: each record is right by itself. */
export function divisible<R>(records: readonly NewRecord[], response: R): CommandResult<R> {
  return { records, response, isAtomic: false };
}

/** Atomic; where they are more than one request may make, none, and what `refused` answers. */
export function limited<R>(
  records: readonly NewRecord[],
  response: R,
  refused: (tooMany: Refusal) => R,
  validateOnly = false,
): CommandResult<R> {
  if (records.length > RECORDS_PER_COMMAND_MAX) return unchanged(refused(TOO_MANY_RECORDS));
  return validateOnly ? unchanged(response) : atomic(records, response);
}

export function unchanged<R>(response: R): CommandResult<R> {
  return { records: [], response, isAtomic: true };
}

/** A topic's setting: its own, this node's, the cluster's, or the static one. */
function topicConfig(state: ControllerState, topicName: string, key: string): string {
  const { configs } = state.image;
  const { BROKER, TOPIC } = ConfigResourceType;
  return (
    configs.get(TOPIC, topicName, key) ??
    configs.get(BROKER, String(state.rules.nodeId), key) ??
    configs.get(BROKER, "", key) ??
    state.rules.configs.staticTopicConfig(key)
  );
}

export function isUncleanElectionAllowed(state: ControllerState, topicName: string): boolean {
  return topicConfig(state, topicName, "unclean.leader.election.enable").toLowerCase() === "true";
}

/** min.insync.replicas, but never more than the topic has replicas. */
export function effectiveMinIsr(state: ControllerState, topicName: string): number {
  const configured = Number(topicConfig(state, topicName, "min.insync.replicas"));
  const replicas = state.image.topics.byName(topicName)?.partitions[0]?.replicas.length ?? 1;
  return Math.min(configured, replicas);
}
