/**
 * Subscriptions by pattern: a group keeps, for each pattern that a member has, the topics that
 * match it. They are matched against all topics off the request's path, in turns of the event loop,
 * and come as records of their own:
 *
 *   heartbeat ── a new pattern, new topics, or long ago ──▶ RegexWork ──▶ records, a new epoch
 *
 * Patterns are matched in linear time (base/linear-pattern.ts), so none can hold up the node.
 */
import { compilePattern, type LinearPattern } from "../../base/linear-pattern.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import { add, type ConsumerGroup, countTopic, type ResolvedRegex } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { logEpoch } from "./consumer-fencing.ts";
import { type ConsumerMember, regexOf, sameNames } from "./consumer-member.ts";
import { groupRecord, regexRecord, regexTombstone } from "./consumer-records.ts";
import type { GroupChange } from "./group-change.ts";
import type { RequestContext } from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { METADATA_REFRESH_INTERVAL_MS } from "./consumer-subscriptions.ts";

/** "resolved": the topics of the new pattern are known already, so an assignment can be made. */
export type RegexChange = "none" | "updated" | "resolved";

/** Kafka has no setting for it: patterns of a group are matched no more often. */
const REFRESH_INTERVAL_MIN_MS = 10_000;
/** Of a pattern in what is said of it: that must have room in an answer. */
const SHOWN_LENGTH_MAX = 4_096;
/** Work is set aside after so long. */
const TURN_MS = 5;

/** What the member's new pattern means for the group; starts the matching where it is needed. */
export function changeRegex(
  change: GroupChange,
  member: ConsumerMember,
  updated: ConsumerMember,
  from: RequestContext,
): RegexChange | GroupRefusal {
  const { group, groups, records } = change;
  const former = regexOf(member);
  const regex = regexOf(updated);
  const counts = group.regexMemberCounts;
  let result: RegexChange = "none";
  let isNew = false;
  if (member.subscribedTopicRegex !== updated.subscribedTopicRegex) {
    result = "updated";
    if (former !== null && counts.get(former) === 1) {
      records.push(regexTombstone(group.groupId, former));
    }
    if (regex !== null && !counts.has(regex)) {
      const refusal = checkRegex(regex);
      if (refusal !== null) return refusal;
      isNew = true;
    } else if (regex === null ? former !== null : group.resolvedRegexes.has(regex)) {
      result = "resolved";
    }
  }
  if (!isNew && counts.size === 0) return result;
  if (group.regexesInWork === null) {
    const wanted = regexesToMatch(groups, group, former, regex, isNew);
    if (wanted.length > 0) {
      change.whenApplied((applied) => matchRegexes(groups, applied, wanted, from));
    }
  }
  return result;
}

function checkRegex(regex: string): GroupRefusal | null {
  const pattern = compilePattern(regex);
  if (!("problem" in pattern)) return null;
  const shown = regex.slice(0, SHOWN_LENGTH_MAX);
  return new GroupRefusal(
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    `SubscribedTopicRegex \`${shown}\` is not a valid regular expression: ` +
      `${pattern.description}.`,
  );
}

/** All patterns of the group when one of them is to be looked at; else none. */
function regexesToMatch(
  { context, newTopicsVersion }: ConsumerGroups,
  group: ConsumerGroup,
  former: string | null,
  regex: string | null,
  isNew: boolean,
): string[] {
  const nowMs = context.clock.wallMs();
  const [last] = group.resolvedRegexes.values();
  const lastMs = last?.timestampMs ?? -Infinity;
  if (nowMs <= lastMs + REFRESH_INTERVAL_MIN_MS) return [];
  const counts = new Map(group.regexMemberCounts);
  if (former !== null) add(counts, former, -1);
  if (regex !== null) add(counts, regex, 1);
  const isDue =
    isNew ||
    counts.size !== group.resolvedRegexes.size ||
    (last?.version ?? 0) < newTopicsVersion ||
    nowMs > lastMs + context.config.groupConsumerRegexRefreshIntervalMs;
  return isDue ? [...counts.keys()] : [];
}

/** Matches some patterns against all topics of now, for as many turns as that takes. */
function matchRegexes(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  regexes: readonly string[],
  from: RequestContext,
): void {
  if (group.regexesInWork !== null) return;
  const { clock, topics, deadline } = groups.context;
  const work = new RegexWork(regexes, [...topics.names()]);
  const version = topics.version();
  const timestampMs = clock.wallMs();
  const step = deadline(() => {
    const endMs = clock.monotonicMs() + TURN_MS;
    while (!work.isDone && clock.monotonicMs() < endMs) work.step();
    if (!work.isDone) {
      step.set(0);
      return NO_EFFECTS;
    }
    group.regexesInWork = null;
    const resolved = new Map<string, ResolvedRegex>();
    for (const [regex, matched] of work.matched) {
      const allowed = matched.filter((topic) => from.topicAllowed?.(topic) ?? true);
      resolved.set(regex, { topics: allowed.sort(), version, timestampMs });
    }
    return resolve(groups, group, resolved);
  });
  group.regexesInWork = step;
  step.set(0);
}

class RegexWork {
  readonly matched = new Map<string, string[]>();
  readonly #regexes: readonly string[];
  readonly #topics: readonly string[];
  #pattern: LinearPattern | null = null;
  #regexIndex = 0;
  #topicIndex = 0;

  constructor(regexes: readonly string[], topics: readonly string[]) {
    this.#regexes = regexes;
    this.#topics = topics;
    for (const regex of regexes) this.matched.set(regex, []);
  }

  get isDone(): boolean {
    return this.#regexIndex >= this.#regexes.length;
  }

  /** One pattern compiled, which takes longest (up to 150 ms); or matched against one topic. */
  step(): void {
    const regex = this.#regexes[this.#regexIndex]!;
    if (this.#pattern === null) {
      const pattern = compilePattern(regex);
      // One that was recorded by another release and cannot be read here matches nothing.
      if ("problem" in pattern || this.#topics.length === 0) this.#regexIndex += 1;
      else this.#pattern = pattern;
      return;
    }
    const topic = this.#topics[this.#topicIndex]!;
    if (this.#pattern.matches(topic)) this.matched.get(regex)!.push(topic);
    this.#topicIndex += 1;
    if (this.#topicIndex < this.#topics.length) return;
    this.#pattern = null;
    this.#topicIndex = 0;
    this.#regexIndex += 1;
  }
}

/** A new epoch where the topics are others than before. */
function resolve(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  resolved: ReadonlyMap<string, ResolvedRegex>,
): Effects<GroupRecord> {
  const { groupId } = group;
  const records: GroupRecord[] = [];
  const subscriptions = new Map(group.subscriptions);
  let isChanged = false;
  for (const [regex, next] of resolved) {
    if (!group.regexMemberCounts.has(regex)) continue;
    const former = group.resolvedRegexes.get(regex)?.topics ?? [];
    if (!sameNames(former, next.topics)) {
      isChanged = true;
      for (const topic of former) countTopic(subscriptions, topic, 0, -1);
      for (const topic of next.topics) countTopic(subscriptions, topic, 0, 1);
    }
    records.push(regexRecord(groupId, regex, next));
  }
  const hash = groups.hashes.ofGroup(subscriptions.keys());
  if (!isChanged && hash === group.metadataHash) return { records };
  const groupEpoch = group.groupEpoch + 1;
  records.push(groupRecord(groupId, groupEpoch, hash));
  logEpoch(groups, group, groupEpoch);
  return {
    records,
    applied: () => {
      const dueMs = groups.context.clock.wallMs() + METADATA_REFRESH_INTERVAL_MS;
      group.metadataRefresh = { dueMs, groupEpoch };
    },
  };
}
