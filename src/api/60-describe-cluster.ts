/**
 * DescribeCluster: v0-2 (KIP-700).
 *
 * - On a broker listener it names brokers; asked for controllers there it refuses, and the other
 *   way round on the controller listener.
 *
 * Versions: v1 endpoint type (KIP-919); v2 fenced brokers too (KIP-1073).
 */
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from "../broker/authorized-operations.ts";
import { controllerViews, nodeViews } from "../broker/topic-view.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeCluster } from "../protocol/messages/60-describe-cluster.ts";
import { handler } from "./handler.ts";

const BROKERS = 1;
const CONTROLLERS = 2;
const NOBODY = -1;

export const describeClusterHandler = handler(describeCluster, (request, context, broker) => {
  const isController = context.listenerKind === "controller";
  const wanted = isController ? CONTROLLERS : BROKERS;
  if (request.endpointType !== wanted) {
    const isKnown = request.endpointType === BROKERS || request.endpointType === CONTROLLERS;
    const refusal = isKnown
      ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
      : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE;
    return {
      errorCode: context.apiVersion === 0 ? ErrorCode.INVALID_REQUEST : refusal,
      errorMessage: isKnown
        ? `The request was sent to an endpoint of type ${isController ? "CONTROLLER" : "BROKER"}` +
          `, but we wanted an endpoint of type ${isController ? "BROKER" : "CONTROLLER"}`
        : `Unsupported endpoint type ${request.endpointType}`,
      clusterId: "",
      brokers: [],
      // As in Kafka: an error does not repeat the type.
      endpointType: BROKERS,
      clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
    };
  }
  const { image, metadata } = broker;
  const nodes = isController
    ? controllerViews(image, context.listenerName)
    : nodeViews(image, context.listenerName, request.includeFencedBrokers);
  const leaderId = metadata.activeController()?.id ?? NOBODY;
  const aliveIds = nodes.filter((node) => !node.isFenced).map((node) => node.nodeId);
  return {
    errorCode: ErrorCode.NONE,
    endpointType: request.endpointType,
    clusterId: broker.clusterId,
    controllerId: isController
      ? // It may be known to lead before it has registered.
        aliveIds.includes(leaderId)
        ? leaderId
        : NOBODY
      : broker.anyControllerId(aliveIds),
    brokers: nodes.map(({ nodeId, ...node }) => ({ ...node, brokerId: nodeId })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? CLUSTER_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  };
});
