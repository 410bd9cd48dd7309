/** DescribeConfigs for one resource: which settings to describe, or why there are none. */
import { ConfigResourceType } from "../../metadata/configs-image.ts";
import { refusal, type Refusal } from "../../metadata/controller/command.ts";
import type { MetadataImage } from "../../metadata/image.ts";
import { topicNameError } from "../../metadata/topic-name.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  describeBroker,
  describeClientMetrics,
  describeClusterDefault,
  describeGroup,
  describeLoggers,
  describeTopic,
  type ConfigEntry,
  type DescribeOptions,
} from "./describe-configs.ts";
import type { Settings } from "./settings.ts";

export interface DescribeContext {
  readonly settings: Settings;
  readonly image: Pick<MetadataImage, "topics" | "configs">;
  /** The level of each part of the log. */
  readonly logLevels: ReadonlyMap<string, string>;
}

export interface Description extends Refusal {
  readonly configs: readonly ConfigEntry[];
}

export function describeResource(
  context: DescribeContext,
  type: number,
  name: string,
  options: DescribeOptions,
): Description {
  const refused = reasonAgainst(context, type, name);
  if (refused !== null) return { ...refused, configs: [] };
  const configs = entriesOf(context, type, name, options);
  return { ...refusal(ErrorCode.NONE, null), configs };
}

function entriesOf(
  { settings, image, logLevels }: DescribeContext,
  type: number,
  name: string,
  options: DescribeOptions,
): ConfigEntry[] {
  const own = image.configs.of(type, name);
  switch (type) {
    case ConfigResourceType.TOPIC:
      return describeTopic(settings, own, options);
    case ConfigResourceType.BROKER:
      return name === ""
        ? describeClusterDefault(settings, options)
        : describeBroker(settings, options);
    case ConfigResourceType.BROKER_LOGGER:
      return describeLoggers(logLevels, options);
    case ConfigResourceType.CLIENT_METRICS:
      return describeClientMetrics(own, options);
    default:
      return describeGroup(settings, own, options);
  }
}

function reasonAgainst(context: DescribeContext, type: number, name: string): Refusal | null {
  switch (type) {
    case ConfigResourceType.TOPIC:
      return reasonAgainstTopic(context, name);
    case ConfigResourceType.BROKER:
      return name === "" ? null : reasonAgainstBroker(context.settings, name, " or empty string,");
    case ConfigResourceType.BROKER_LOGGER:
      if (name === "") return invalidRequest("Broker id must not be empty");
      return reasonAgainstBroker(context.settings, name, "");
    case ConfigResourceType.CLIENT_METRICS:
      return name === ""
        ? invalidRequest("Client metrics subscription name must not be empty")
        : null;
    case ConfigResourceType.GROUP:
      return name === "" ? invalidRequest("Group name must not be empty") : null;
    default:
      return invalidRequest(`Unexpected resource type ${type} for resource ${name}`);
  }
}

function reasonAgainstTopic({ image }: DescribeContext, name: string): Refusal | null {
  const invalid = topicNameError(name);
  if (invalid !== null) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, invalid);
  if (image.topics.byName(name) !== null) return null;
  return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null);
}

function reasonAgainstBroker(settings: Settings, name: string, also: string): Refusal | null {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return invalidRequest(`Broker id must be an integer, but it is: ${name}`);
  }
  const nodeId = settings.get("node.id");
  if (Number(name) === nodeId) return null;
  return invalidRequest(`Unexpected broker id, expected ${nodeId}${also} but received ${name}`);
}

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}
