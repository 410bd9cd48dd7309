/**
 * Records of the metadata log, `__cluster_metadata-0`, and of its snapshots. Each value has a frame
 * in front (frame.ts) that says which of these it is.
 */
import {
  array,
  boolean,
  bytes,
  float64,
  int16,
  int32,
  int64,
  int8,
  message,
  string,
  struct,
  uint16,
  uuid,
} from "../schema.ts";

export const registerBrokerRecord = message({
  key: 0,
  name: "RegisterBrokerRecord",
  versions: [0, 4],
  flexibleFrom: 0,
  fields: struct({
    brokerId: int32,
    isMigratingZkBroker: boolean.since(2).default(false),
    incarnationId: uuid,
    brokerEpoch: int64,
    endPoints: array(struct({ name: string, host: string, port: uint16, securityProtocol: int16 })),
    features: array(
      struct({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
    ),
    rack: string.nullable(),
    fenced: boolean.default(true),
    inControlledShutdown: boolean.since(1).default(false),
    logDirs: array(uuid).since(3).tagged(0),
    cordonedLogDirs: array(uuid).nullable().since(4).tagged(1).default(null),
  }),
});

export const unregisterBrokerRecord = message({
  key: 1,
  name: "UnregisterBrokerRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ brokerId: int32, brokerEpoch: int64 }),
});

export const topicRecord = message({
  key: 2,
  name: "TopicRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ name: string, topicId: uuid }),
});

export const partitionRecord = message({
  key: 3,
  name: "PartitionRecord",
  versions: [0, 2],
  flexibleFrom: 0,
  fields: struct({
    partitionId: int32.default(-1),
    topicId: uuid,
    replicas: array(int32),
    isr: array(int32),
    removingReplicas: array(int32),
    addingReplicas: array(int32),
    leader: int32.default(-1),
    leaderRecoveryState: int8.tagged(0).default(0),
    leaderEpoch: int32.default(-1),
    partitionEpoch: int32.default(-1),
    directories: array(uuid).since(1),
    eligibleLeaderReplicas: array(int32).nullable().since(2).tagged(1).default(null),
    lastKnownElr: array(int32).nullable().since(2).tagged(2).default(null),
  }),
});

export const configRecord = message({
  key: 4,
  name: "ConfigRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    resourceType: int8,
    resourceName: string,
    name: string,
    value: string.nullable(),
  }),
});

export const partitionChangeRecord = message({
  key: 5,
  name: "PartitionChangeRecord",
  versions: [0, 2],
  flexibleFrom: 0,
  fields: struct({
    partitionId: int32.default(-1),
    topicId: uuid,
    isr: array(int32).nullable().tagged(0).default(null),
    leader: int32.tagged(1).default(-2),
    replicas: array(int32).nullable().tagged(2).default(null),
    removingReplicas: array(int32).nullable().tagged(3).default(null),
    addingReplicas: array(int32).nullable().tagged(4).default(null),
    leaderRecoveryState: int8.tagged(5).default(-1),
    directories: array(uuid).nullable().since(1).tagged(8).default(null),
    eligibleLeaderReplicas: array(int32).nullable().since(2).tagged(6).default(null),
    lastKnownElr: array(int32).nullable().since(2).tagged(7).default(null),
  }),
});

export const fenceBrokerRecord = message({
  key: 7,
  name: "FenceBrokerRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ id: int32, epoch: int64 }),
});

export const unfenceBrokerRecord = message({
  key: 8,
  name: "UnfenceBrokerRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ id: int32, epoch: int64 }),
});

export const removeTopicRecord = message({
  key: 9,
  name: "RemoveTopicRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ topicId: uuid }),
});

export const delegationTokenRecord = message({
  key: 10,
  name: "DelegationTokenRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    owner: string,
    requester: string,
    renewers: array(string),
    issueTimestamp: int64,
    maxTimestamp: int64,
    expirationTimestamp: int64,
    tokenId: string,
  }),
});

export const userScramCredentialRecord = message({
  key: 11,
  name: "UserScramCredentialRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    name: string,
    mechanism: int8,
    salt: bytes,
    storedKey: bytes,
    serverKey: bytes,
    iterations: int32,
  }),
});

export const featureLevelRecord = message({
  key: 12,
  name: "FeatureLevelRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ name: string, featureLevel: int16 }),
});

export const clientQuotaRecord = message({
  key: 14,
  name: "ClientQuotaRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    entity: array(struct({ entityType: string, entityName: string.nullable() })),
    key: string,
    value: float64,
    remove: boolean,
  }),
});

export const producerIdsRecord = message({
  key: 15,
  name: "ProducerIdsRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ brokerId: int32, brokerEpoch: int64.default(-1), nextProducerId: int64 }),
});

export const brokerRegistrationChangeRecord = message({
  key: 17,
  name: "BrokerRegistrationChangeRecord",
  versions: [0, 3],
  flexibleFrom: 0,
  fields: struct({
    brokerId: int32,
    brokerEpoch: int64,
    fenced: int8.tagged(0),
    inControlledShutdown: int8.since(1).tagged(1),
    logDirs: array(uuid).since(2).tagged(2),
    cordonedLogDirs: array(uuid).nullable().since(3).tagged(3).default(null),
  }),
});

export const accessControlEntryRecord = message({
  key: 18,
  name: "AccessControlEntryRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    id: uuid,
    resourceType: int8,
    resourceName: string,
    patternType: int8,
    principal: string,
    host: string,
    operation: int8,
    permissionType: int8,
  }),
});

export const removeAccessControlEntryRecord = message({
  key: 19,
  name: "RemoveAccessControlEntryRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ id: uuid }),
});

export const noOpRecord = message({
  key: 20,
  name: "NoOpRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({}),
});

export const zkMigrationStateRecord = message({
  key: 21,
  name: "ZkMigrationStateRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ zkMigrationState: int8 }),
});

export const removeUserScramCredentialRecord = message({
  key: 22,
  name: "RemoveUserScramCredentialRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ name: string, mechanism: int8 }),
});

export const beginTransactionRecord = message({
  key: 23,
  name: "BeginTransactionRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ name: string.nullable().tagged(0).default(null) }),
});

export const endTransactionRecord = message({
  key: 24,
  name: "EndTransactionRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({}),
});

export const abortTransactionRecord = message({
  key: 25,
  name: "AbortTransactionRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ reason: string.nullable().tagged(0).default(null) }),
});

export const removeDelegationTokenRecord = message({
  key: 26,
  name: "RemoveDelegationTokenRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ tokenId: string }),
});

export const registerControllerRecord = message({
  key: 27,
  name: "RegisterControllerRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: boolean,
    endPoints: array(struct({ name: string, host: string, port: uint16, securityProtocol: int16 })),
    features: array(
      struct({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
    ),
  }),
});

export const clearElrRecord = message({
  key: 28,
  name: "ClearElrRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ topicName: string }),
});

/** In the order of their keys. */
export const metadataRecords = [
  registerBrokerRecord,
  unregisterBrokerRecord,
  topicRecord,
  partitionRecord,
  configRecord,
  partitionChangeRecord,
  fenceBrokerRecord,
  unfenceBrokerRecord,
  removeTopicRecord,
  delegationTokenRecord,
  userScramCredentialRecord,
  featureLevelRecord,
  clientQuotaRecord,
  producerIdsRecord,
  brokerRegistrationChangeRecord,
  accessControlEntryRecord,
  removeAccessControlEntryRecord,
  noOpRecord,
  zkMigrationStateRecord,
  removeUserScramCredentialRecord,
  beginTransactionRecord,
  endTransactionRecord,
  abortTransactionRecord,
  removeDelegationTokenRecord,
  registerControllerRecord,
  clearElrRecord,
] as const;
