package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The APIs that the first release has; the others join this list with what they belong to.
var apis = []int16{
	0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 32, 33, 35, 37, 42, 44,
	47, 55, 57, 60, 61, 74, 75,
}

func (k *kit) apiVersions(ctx context.Context) (any, error) {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName = "compat"
	request.ClientSoftwareVersion = "1"
	response, err := request.RequestWith(ctx, k.client)
	if err != nil {
		return nil, err
	}
	versions := map[string][2]int16{}
	for _, key := range response.ApiKeys {
		for _, wanted := range apis {
			if key.ApiKey == wanted {
				versions[kmsg.NameForKey(wanted)] = [2]int16{key.MinVersion, key.MaxVersion}
			}
		}
	}
	// A version that the broker does not know is answered in version 0.
	return facts{"code": response.ErrorCode, "versions": versions}, nil
}

func (k *kit) cluster(ctx context.Context) (any, error) {
	describe := kmsg.NewPtrDescribeClusterRequest()
	describe.IncludeClusterAuthorizedOperations = true
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = []kmsg.MetadataRequestTopic{}
	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.CoordinatorKeys = []string{"f-one", "f-two"}
	if err := until(ctx, "the coordinator", func() bool {
		response, err := coordinator.RequestWith(ctx, k.client)
		return err == nil && response.Coordinators[0].ErrorCode == 0
	}); err != nil {
		return nil, err
	}
	return facts{
		"describe":    k.ask(ctx, describe),
		"metadata":    k.ask(ctx, metadata),
		"coordinator": k.ask(ctx, coordinator),
	}, nil
}

func (k *kit) quorum(ctx context.Context) (any, error) {
	request := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}
	request.Topics = append(request.Topics, topic)
	other := kmsg.NewPtrDescribeQuorumRequest()
	topic.Topic = "f-other"
	other.Topics = append(other.Topics, topic)
	return facts{"metadata": k.ask(ctx, request), "other": k.ask(ctx, other)}, nil
}

func newTopic(name string, partitions int32, factor int16) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = name
	topic.NumPartitions = partitions
	topic.ReplicationFactor = factor
	return topic
}

func withConfig(
	topic kmsg.CreateTopicsRequestTopic, name, value string,
) kmsg.CreateTopicsRequestTopic {
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name = name
	config.Value = &value
	topic.Configs = append(topic.Configs, config)
	return topic
}

func withAssignment(
	topic kmsg.CreateTopicsRequestTopic, partition int32, replicas ...int32,
) kmsg.CreateTopicsRequestTopic {
	assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	assignment.Partition = partition
	assignment.Replicas = replicas
	topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
	return topic
}

func (k *kit) create(ctx context.Context, only bool, topics ...kmsg.CreateTopicsRequestTopic) any {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.ValidateOnly = only
	request.Topics = topics
	return k.ask(ctx, request)
}

func (k *kit) describeTopics(ctx context.Context, names ...string) any {
	request := kmsg.NewPtrMetadataRequest()
	request.IncludeTopicAuthorizedOperations = true
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	partitions := kmsg.NewPtrDescribeTopicPartitionsRequest()
	partitions.ResponsePartitionLimit = 4
	for _, name := range names {
		topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
		topic.Topic = name
		partitions.Topics = append(partitions.Topics, topic)
	}
	return facts{"metadata": k.ask(ctx, request), "partitions": k.ask(ctx, partitions)}
}

func (k *kit) topicsCreate(ctx context.Context) (any, error) {
	manual := withAssignment(withAssignment(newTopic("f-manual", -1, -1), 1, 1), 0, 1)
	created := k.create(ctx, false, newTopic("f-plain", 3, 1), newTopic("f-defaults", -1, -1),
		withConfig(newTopic("f-config", 1, 1), "cleanup.policy", "compact,delete"), manual)
	validated := k.create(ctx, true, newTopic("f-only-validated", 2, 1))
	if err := until(ctx, "the topics", func() bool {
		listed, err := k.admin.ListTopics(ctx, "f-plain", "f-manual")
		return err == nil && listed.Error() == nil
	}); err != nil {
		return nil, err
	}
	return facts{
		"created": created, "validated": validated,
		"described": k.describeTopics(ctx, "f-manual", "f-plain"),
	}, nil
}

func (k *kit) topicsErrors(ctx context.Context) (any, error) {
	k.create(ctx, false, newTopic("f-exists", 1, 1))
	twice := newTopic("f-twice", 1, 1)
	return facts{
		"exists":          k.create(ctx, false, newTopic("f-exists", 1, 1)),
		"existsValidated": k.create(ctx, true, newTopic("f-exists", 1, 1)),
		"invalidName":     k.create(ctx, false, newTopic("f/slash", 1, 1)),
		"empty":           k.create(ctx, false, newTopic("", 1, 1)),
		"collides":        k.create(ctx, false, newTopic("f_exists", 1, 1), newTopic("f.exists", 1, 1)),
		"zeroPartitions":  k.create(ctx, false, newTopic("f-zero", 0, 1)),
		"factor":          k.create(ctx, false, newTopic("f-factor", 1, 3)),
		"twice":           k.create(ctx, false, twice, twice),
		"partitionsAndAssignment": k.create(ctx, false,
			withAssignment(newTopic("f-both", 2, 1), 0, 1)),
		"assignmentGap": k.create(ctx, false,
			withAssignment(newTopic("f-gap", -1, -1), 1, 1)),
		"unknownBroker": k.create(ctx, false,
			withAssignment(newTopic("f-who", -1, -1), 0, 77)),
		"differentFactors": k.create(ctx, false, withAssignment(
			withAssignment(newTopic("f-mixed", -1, -1), 0, 1), 1, 1, 1)),
		"unknownConfig": k.create(ctx, false,
			withConfig(newTopic("f-bad", 1, 1), "no.such.config", "1")),
		"badConfig": k.create(ctx, false,
			withConfig(newTopic("f-bad", 1, 1), "retention.ms", "soon")),
		"someGoodSomeBad": k.create(ctx, false, newTopic("f-good", 1, 1), newTopic("f-exists", 1, 1)),
		"none":            k.create(ctx, false),
	}, nil
}

func (k *kit) topicsDelete(ctx context.Context) (any, error) {
	if err := k.createTopic(ctx, "f-delete", 1); err != nil {
		return nil, err
	}
	remove := func(names ...string) any {
		request := kmsg.NewPtrDeleteTopicsRequest()
		for _, name := range names {
			topic := kmsg.NewDeleteTopicsRequestTopic()
			topic.Topic = &name
			request.Topics = append(request.Topics, topic)
		}
		return k.ask(ctx, request)
	}
	byID := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.TopicID = [16]byte{1, 2, 3}
	byID.Topics = append(byID.Topics, topic)
	return facts{
		"deleted":   remove("f-delete"),
		"again":     remove("f-delete"),
		"twice":     remove("f-a", "f-a"),
		"badName":   remove("f/slash"),
		"unknownID": k.ask(ctx, byID),
	}, nil
}

func (k *kit) partitionsCreate(ctx context.Context) (any, error) {
	if err := k.createTopic(ctx, "f-grow", 1); err != nil {
		return nil, err
	}
	grow := func(name string, count int32, only bool, replicas ...int32) any {
		request := kmsg.NewPtrCreatePartitionsRequest()
		request.ValidateOnly = only
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic = name
		topic.Count = count
		if len(replicas) > 0 {
			topic.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: replicas}}
		}
		request.Topics = append(request.Topics, topic)
		return k.ask(ctx, request)
	}
	return facts{
		"validated":     grow("f-grow", 9, true),
		"grown":         grow("f-grow", 3, false),
		"fewer":         grow("f-grow", 2, false),
		"same":          grow("f-grow", 3, false),
		"unknown":       grow("f-no-such-topic", 3, false),
		"manual":        grow("f-grow", 4, false, 1),
		"unknownBroker": grow("f-grow", 5, false, 77),
		"tooFew":        grow("f-grow", 7, false, 1),
	}, nil
}

func (k *kit) describeConfigs(
	ctx context.Context, kind kmsg.ConfigResourceType, name string, names ...string,
) any {
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = true
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType = kind
	resource.ResourceName = name
	resource.ConfigNames = names
	request.Resources = append(request.Resources, resource)
	return k.ask(ctx, request)
}

func (k *kit) alterConfigs(
	ctx context.Context, name string, op kmsg.IncrementalAlterConfigOp, config string, value *string,
) any {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeTopic
	resource.ResourceName = name
	entry := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	entry.Name = config
	entry.Op = op
	entry.Value = value
	resource.Configs = append(resource.Configs, entry)
	request.Resources = append(request.Resources, resource)
	return k.ask(ctx, request)
}

func (k *kit) configsTopic(ctx context.Context) (any, error) {
	name := "f-topic-configs"
	if err := k.createTopic(ctx, name, 1); err != nil {
		return nil, err
	}
	const set, remove, add = kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete,
		kmsg.IncrementalAlterConfigOpAppend
	topic := kmsg.ConfigResourceTypeTopic
	replace := kmsg.NewPtrAlterConfigsRequest()
	resource := kmsg.NewAlterConfigsRequestResource()
	resource.ResourceType = topic
	resource.ResourceName = name
	config := kmsg.NewAlterConfigsRequestResourceConfig()
	config.Name = "flush.messages"
	config.Value = pointer("10")
	resource.Configs = append(resource.Configs, config)
	replace.Resources = append(replace.Resources, resource)
	outcome := facts{
		"set":    k.alterConfigs(ctx, name, set, "retention.ms", pointer("1000")),
		"append": k.alterConfigs(ctx, name, add, "cleanup.policy", pointer("compact")),
	}
	names := []string{"retention.ms", "cleanup.policy", "flush.messages"}
	outcome["after"] = k.describeConfigs(ctx, topic, name, names...)
	outcome["delete"] = k.alterConfigs(ctx, name, remove, "retention.ms", nil)
	outcome["replace"] = k.ask(ctx, replace)
	outcome["afterReplace"] = k.describeConfigs(ctx, topic, name, names...)
	outcome["all"] = k.describeConfigs(ctx, topic, name)
	outcome["badValue"] = k.alterConfigs(ctx, name, set, "retention.ms", pointer("soon"))
	outcome["unknownTopic"] = k.alterConfigs(ctx, "f-no-such", set, "retention.ms", pointer("1"))
	outcome["describeUnknown"] = k.describeConfigs(ctx, topic, "f-no-such")
	outcome["describeBadType"] = k.describeConfigs(ctx, 77, "f-no-such")
	return outcome, nil
}

func (k *kit) configsBroker(ctx context.Context) (any, error) {
	names := []string{"log.retention.ms", "message.max.bytes", "node.id", "no.such.config"}
	kinds := kmsg.NewPtrListConfigResourcesRequest()
	kinds.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeBroker)}
	return facts{
		"broker":    k.describeConfigs(ctx, kmsg.ConfigResourceTypeBroker, "1", names...),
		"default":   k.describeConfigs(ctx, kmsg.ConfigResourceTypeBroker, ""),
		"resources": k.ask(ctx, kinds),
	}, nil
}

func (k *kit) deleteRecords(ctx context.Context) (any, error) {
	topic := "f-delete-records"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	cut := func(name string, partition int32, offset int64) any {
		request := kmsg.NewPtrDeleteRecordsRequest()
		asked := kmsg.NewDeleteRecordsRequestTopic()
		asked.Topic = name
		place := kmsg.NewDeleteRecordsRequestTopicPartition()
		place.Partition = partition
		place.Offset = offset
		asked.Partitions = append(asked.Partitions, place)
		request.Topics = append(request.Topics, asked)
		return k.ask(ctx, request)
	}
	return facts{
		"cut":       cut(topic, 0, 4),
		"lower":     cut(topic, 0, 2),
		"behindEnd": cut(topic, 0, 11),
		"toEnd":     cut(topic, 0, -1),
		"negative":  cut(topic, 0, -7),
	}, nil
}

func (k *kit) logDirs(ctx context.Context) (any, error) {
	topic := "f-log-dirs"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	if _, err := k.send(ctx, oneRecord(topic)); err != nil {
		return nil, err
	}
	request := kmsg.NewPtrDescribeLogDirsRequest()
	asked := kmsg.NewDescribeLogDirsRequestTopic()
	asked.Topic = topic
	asked.Partitions = []int32{0, 1}
	request.Topics = append(request.Topics, asked)
	return k.ask(ctx, request), nil
}
