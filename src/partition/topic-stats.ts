/**
 * What is written to and read from a topic on this node: Kafka's BrokerTopicMetrics. Plain numbers,
 * as they are counted for each partition of each request.
 */
import { ErrorCode } from "../protocol/error-code.ts";

export class TopicStats {
  messagesIn = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Too large to be taken. */
  bytesRejected = 0;
  replicationBytesOut = 0;
  replicationBytesIn = 0;
  /** What the controller said to leaders here that proposed another ISR. */
  isrShrinks = 0;
  isrExpands = 0;
  failedIsrUpdates = 0;
  totalProduceRequests = 0;
  failedProduceRequests = 0;
  totalFetchRequests = 0;
  failedFetchRequests = 0;
  produceMessageConversions = 0;
  /** Of a share fetch or acknowledgement a topic counts once. */
  totalShareFetchRequests = 0;
  failedShareFetchRequests = 0;
  totalShareAcknowledgementRequests = 0;
  failedShareAcknowledgementRequests = 0;

  /** Of `size` bytes, those with an error among them. */
  appended(errorCode: ErrorCode, recordCount: number, size: number): void {
    this.totalProduceRequests++;
    if (errorCode === ErrorCode.NONE) {
      this.messagesIn += recordCount;
      this.bytesIn += size;
    } else {
      if (errorCode === ErrorCode.MESSAGE_TOO_LARGE) this.bytesRejected += size;
      if (!EXPECTED.has(errorCode)) this.failedProduceRequests++;
    }
  }

  isrProposed(errorCode: ErrorCode, sizeBefore: number, sizeProposed: number): void {
    if (errorCode !== ErrorCode.NONE) this.failedIsrUpdates++;
    else if (sizeProposed < sizeBefore) this.isrShrinks++;
    else this.isrExpands++;
  }

  add(other: TopicStats): void {
    this.messagesIn += other.messagesIn;
    this.bytesIn += other.bytesIn;
    this.bytesOut += other.bytesOut;
    this.bytesRejected += other.bytesRejected;
    this.replicationBytesOut += other.replicationBytesOut;
    this.replicationBytesIn += other.replicationBytesIn;
    this.isrShrinks += other.isrShrinks;
    this.isrExpands += other.isrExpands;
    this.failedIsrUpdates += other.failedIsrUpdates;
    this.totalProduceRequests += other.totalProduceRequests;
    this.failedProduceRequests += other.failedProduceRequests;
    this.totalFetchRequests += other.totalFetchRequests;
    this.failedFetchRequests += other.failedFetchRequests;
    this.produceMessageConversions += other.produceMessageConversions;
    this.totalShareFetchRequests += other.totalShareFetchRequests;
    this.failedShareFetchRequests += other.failedShareFetchRequests;
    this.totalShareAcknowledgementRequests += other.totalShareAcknowledgementRequests;
    this.failedShareAcknowledgementRequests += other.failedShareAcknowledgementRequests;
  }
}

/** Of a partition that is in no topic's list yet. */
export const UNCOUNTED = new TopicStats();

/** As in Kafka, these do not count as failures of the broker. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);
