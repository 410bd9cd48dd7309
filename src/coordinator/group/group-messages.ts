/** Short names for the requests and responses of groups, as decoded and as encoders take them. */
import type { Input, Value } from "../../protocol/schema.ts";
import type * as describing from "../../protocol/messages/69-consumer-group-describe.ts";
import type * as beating from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type * as offsets from "../../protocol/messages/90-describe-share-group-offsets.ts";
import type * as altering from "../../protocol/messages/91-alter-share-group-offsets.ts";
import type { deleteGroups } from "../../protocol/messages/42-delete-groups.ts";
import type * as deleting from "../../protocol/messages/92-delete-share-group-offsets.ts";
import type { describeGroups } from "../../protocol/messages/15-describe-groups.ts";
import type { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import type { joinGroup } from "../../protocol/messages/11-join-group.ts";
import type { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import type { listGroups } from "../../protocol/messages/16-list-groups.ts";
import type { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import type { offsetDelete } from "../../protocol/messages/47-offset-delete.ts";
import type { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import type { streamsGroupDescribe } from "../../protocol/messages/89-streams-group-describe.ts";
import type { streamsGroupHeartbeat } from "../../protocol/messages/88-streams-group-heartbeat.ts";
import type { shareGroupDescribe } from "../../protocol/messages/77-share-group-describe.ts";
import type { shareGroupHeartbeat } from "../../protocol/messages/76-share-group-heartbeat.ts";
import type { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import type { txnOffsetCommit } from "../../protocol/messages/28-txn-offset-commit.ts";

export type JoinGroupRequest = Value<typeof joinGroup.request>;
export type JoinGroupResponse = Input<typeof joinGroup.response>;
export type SyncGroupRequest = Value<typeof syncGroup.request>;
export type SyncGroupResponse = Input<typeof syncGroup.response>;
export type HeartbeatRequest = Value<typeof heartbeat.request>;
export type HeartbeatResponse = Input<typeof heartbeat.response>;
export type LeaveGroupRequest = Value<typeof leaveGroup.request>;
export type LeavingMember = LeaveGroupRequest["members"][number];
export type LeaveGroupResponse = Value<typeof leaveGroup.response>;
export type OffsetCommitRequest = Value<typeof offsetCommit.request>;
export type OffsetCommitResponse = Input<typeof offsetCommit.response>;
export type TxnOffsetCommitRequest = Value<typeof txnOffsetCommit.request>;
export type TxnOffsetCommitResponse = Value<typeof txnOffsetCommit.response>;
export type OffsetFetchRequest = Value<typeof offsetFetch.request>;
export type OffsetFetchResponse = Input<typeof offsetFetch.response>;
export type OffsetDeleteRequest = Value<typeof offsetDelete.request>;
export type OffsetDeleteResponse = Input<typeof offsetDelete.response>;
export type DescribeGroupsRequest = Value<typeof describeGroups.request>;
export type DescribeGroupsResponse = Input<typeof describeGroups.response>;
export type DescribedGroup = DescribeGroupsResponse["groups"][number];
export type ListGroupsRequest = Value<typeof listGroups.request>;
export type ListGroupsResponse = Input<typeof listGroups.response>;
export type ListedGroup = ListGroupsResponse["groups"][number];
export type DeleteGroupsRequest = Value<typeof deleteGroups.request>;
export type DeleteGroupsResponse = Input<typeof deleteGroups.response>;
export type DeletedGroup = DeleteGroupsResponse["results"][number];
export type ConsumerHeartbeatRequest = Value<typeof beating.consumerGroupHeartbeat.request>;
export type ConsumerHeartbeatResponse = Input<typeof beating.consumerGroupHeartbeat.response>;
export type ConsumerDescribedGroup = Input<
  typeof describing.consumerGroupDescribe.response
>["groups"][number];
export type StreamsHeartbeatRequest = Value<typeof streamsGroupHeartbeat.request>;
export type StreamsHeartbeatResponse = Input<typeof streamsGroupHeartbeat.response>;
export type StreamsDescribedGroup = Input<typeof streamsGroupDescribe.response>["groups"][number];

export type ShareHeartbeatRequest = Value<typeof shareGroupHeartbeat.request>;
export type ShareHeartbeatResponse = Input<typeof shareGroupHeartbeat.response>;
export type ShareDescribedGroup = Input<typeof shareGroupDescribe.response>["groups"][number];
export type DescribeShareOffsetsGroup = Value<
  typeof offsets.describeShareGroupOffsets.request
>["groups"][number];
export type DescribedShareOffsets = Input<
  typeof offsets.describeShareGroupOffsets.response
>["groups"][number];
export type AlterShareOffsetsRequest = Value<typeof altering.alterShareGroupOffsets.request>;
export type AlterShareOffsetsResponse = Input<typeof altering.alterShareGroupOffsets.response>;
export type DeleteShareOffsetsRequest = Value<typeof deleting.deleteShareGroupOffsets.request>;
export type DeleteShareOffsetsResponse = Input<typeof deleting.deleteShareGroupOffsets.response>;

/** Who asks, as the records of a group keep it. */
export interface RequestContext {
  readonly apiVersion: number;
  readonly clientId: string;
  /** As Java prints an address: "/127.0.0.1". */
  readonly clientHost: string;
  /** False hides a topic: TOPIC_AUTHORIZATION_FAILED. Left out: all topics are allowed. */
  readonly topicAllowed?: (topicName: string) => boolean;
}
