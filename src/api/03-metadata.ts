/**
 * Metadata: v0-13.
 *
 * - Topics by name, by id (v10+), or all of them (null; an empty list in v0). Unknown names are
 *   created where `auto.create.topics.enable` and the client allow it; the client then asks again.
 * - The controller that is named is any broker: clients send admin requests to it and brokers pass
 *   them on.
 *
 * Versions: v4 lets the client forbid creation; v5 offline replicas; v6 LISTENER_NOT_FOUND; v7
 * leader epochs (KIP-320); v8-10 authorized operations (KIP-430); v10 topic ids (KIP-516); v12
 * names may be null; v13 an error for the whole.
 */
import { Slices } from "../base/slices.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import {
  CLUSTER_OPERATIONS,
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from "../broker/authorized-operations.ts";
import type { Broker } from "../broker/broker.ts";
import { nodeViews, partitionView, type ViewOptions } from "../broker/topic-view.ts";
import { absentTopicError } from "../metadata/topic-name.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { metadata } from "../protocol/messages/03-metadata.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { type Body, handler, type RequestContext } from "./handler.ts";
import { clientAsking } from "./topic-asker.ts";

type MetadataRequest = Value<typeof metadata.request>;
type MetadataResponse = Body<Input<typeof metadata.response>>;
type TopicAnswer = Input<typeof metadata.response>["topics"][number];

/** Before it, ids are told but cannot be asked for. */
const IDS_VERSION = 12;
const NO_CONTROLLER = -1;

export const metadataHandler = handler(metadata, async (request, context, broker) => {
  const version = context.apiVersion;
  if (version < IDS_VERSION && asksForIds(request)) return refuseAll(request);
  const options: ViewOptions = {
    listenerName: context.listenerName,
    hidesOfflineReplicas: version === 0,
    namesMissingListener: version >= 6,
  };
  const topics = await answerTopics(request, context, broker, options);
  const wantsOperations = request.includeTopicAuthorizedOperations;
  const nodes = nodeViews(broker.image, context.listenerName);
  return {
    brokers: nodes,
    clusterId: broker.clusterId,
    controllerId: broker.anyControllerId(nodes.map((node) => node.nodeId)),
    topics: topics.map((topic) => ({
      ...topic,
      topicAuthorizedOperations: wantsOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED,
    })),
    clusterAuthorizedOperations:
      request.includeClusterAuthorizedOperations && version >= 8 && version <= 10
        ? CLUSTER_OPERATIONS
        : OPERATIONS_NOT_ASKED,
  };
});

function asksForIds({ topics }: MetadataRequest): boolean {
  return topics?.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID) ?? false;
}

/** A refused request is told nothing of the cluster. */
function refuseAll({ topics }: MetadataRequest): MetadataResponse {
  const refused = topics?.map(({ name, topicId }) =>
    unknown(ErrorCode.INVALID_REQUEST, name ?? "", topicId),
  );
  return { brokers: [], clusterId: null, controllerId: NO_CONTROLLER, topics: refused ?? [] };
}

async function answerTopics(
  request: MetadataRequest,
  context: RequestContext,
  broker: Broker,
  options: ViewOptions,
): Promise<TopicAnswer[]> {
  const { topics } = request;
  const view: View = { broker, options, slices: new Slices(broker.world.clock) };
  if (topics === null || (topics.length === 0 && context.apiVersion === 0)) {
    return knownOnes([...broker.image.topics.values()], view);
  }
  const ids = [...new Set(topics.map((topic) => topic.topicId))].filter((id) => id !== ZERO_UUID);
  if (ids.length > 0) return answerByIds(ids, view);
  const names = [...new Set(topics.map((topic) => topic.name ?? ""))];
  return answerByName(names, request, context, view);
}

/** As a client sees it; partitions may be many. */
interface View {
  readonly broker: Broker;
  readonly options: ViewOptions;
  readonly slices: Slices;
}

async function answerByIds(ids: readonly string[], view: View): Promise<TopicAnswer[]> {
  const answers: TopicAnswer[] = [];
  for (const id of ids) {
    const topic = view.broker.image.topics.byId(id);
    if (topic === null) answers.push(unknown(ErrorCode.UNKNOWN_TOPIC_ID, null, id));
    else answers.push(await known(topic, view));
  }
  return answers;
}

async function answerByName(
  names: readonly string[],
  request: MetadataRequest,
  context: RequestContext,
  view: View,
): Promise<TopicAnswer[]> {
  const { broker } = view;
  const isAbsent = (name: string) => broker.image.topics.byName(name) === null;
  const absent = names.filter(isAbsent);
  const mayCreate =
    request.allowAutoTopicCreation && broker.settings.get("auto.create.topics.enable");
  // What exists is answered first, as it was when the request came.
  const found = names
    .map((name) => broker.image.topics.byName(name))
    .filter((topic) => topic !== null);
  const answers = await knownOnes(found, view);
  const errors =
    mayCreate && absent.length > 0
      ? await broker.topicCreation.create(
          absent,
          clientAsking(context),
          broker.quotas.mutation.permitsFor(context, true),
        )
      : new Map<string, ErrorCode>();
  for (const name of absent) {
    const error = errors.get(name) ?? absentTopicError(name);
    answers.push(unknown(error, name, ZERO_UUID));
  }
  return answers;
}

async function knownOnes(topics: readonly TopicImage[], view: View): Promise<TopicAnswer[]> {
  const answers: TopicAnswer[] = [];
  for (const topic of topics) answers.push(await known(topic, view));
  return answers;
}

async function known(topic: TopicImage, view: View): Promise<TopicAnswer> {
  const { image } = view.broker;
  const partitions = await view.slices.map(topic.partitions, (partition, index) =>
    partitionView(image, index, partition, view.options),
  );
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions,
  };
}

function unknown(errorCode: ErrorCode, name: string | null, topicId: string): TopicAnswer {
  const isInternal = name !== null && isInternalTopic(name);
  return { errorCode, name, topicId, isInternal, partitions: [] };
}
