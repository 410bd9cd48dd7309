/**
 * Why some settings of Kafka's have no effect here. What is set all the same is named at the start,
 * with the reason; DescribeConfigs tells it, too.
 */
const REASONS: readonly (readonly [names: RegExp, reason: string])[] = [
  [/^(remote\.|log\.local\.|local\.|follower\.fetch\.last)/, "there is no tiered storage yet"],
  [/^(ssl\.|sasl\.|connection\.failed)/, "nobody logs in yet"],
  [/(^|\.)threads$|\.pool\.size$/, "one thread does all of it, or as many as there are processors"],
  [/\.purgatory\./, "requests that wait are forgotten at once when they are answered"],
  [/\.cached\.buffer\./, "no buffer is kept from one write to the next"],
  [/^metrics\.|^metadata\.log\.reporters/, "what is counted is not sampled"],
  [/^controller\.performance\./, "every API has a histogram instead"],
  [
    /^(metric\.reporters|kafka\.metrics\.|config\.providers|.*\.class\.name$|.*\.selector\.class$)/,
    "no Java class runs here",
  ],
  [/^socket\.(send|receive)\.buffer\.bytes$/, "the kernel sizes the buffers of a socket as needed"],
  [/^socket\.listen\.backlog\.size$/, "4,096 connections may wait to be accepted"],
  [/^early\.start\.listeners$/, "all listeners are open before the rest is ready"],
  [/^alter\.log\.dirs\.replication\.quota\.window\.num$/, "one sample of the rate is enough"],
  [/^unstable\.feature\.versions\.enable$/, "there are no features beyond those of the release"],
  [/^internal\./, "it is there for Kafka's own tests"],
  [/^server\.max\.startup/, "a node waits as long as there is something to wait for"],
  [/^replica\.socket\.receive/, "the kernel sizes the buffers of a socket as needed"],
  [/^controller\.quorum\.append/, "what comes while the disk is busy shares the next sync"],
  [/^socket\.connection\.setup\.timeout\.max/, "each attempt to connect may take as long"],
];

/** Null for a name of another kind. */
export function reasonWithoutEffect(name: string): string | null {
  return REASONS.find(([names]) => names.test(name))?.[1] ?? null;
}
