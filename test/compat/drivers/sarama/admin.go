package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/IBM/sarama"
)

func (k *kit) cluster(_ context.Context) (any, error) {
	brokers, controller, err := k.admin.DescribeCluster()
	if err != nil {
		return nil, err
	}
	nodes := []string{}
	for _, broker := range brokers {
		nodes = append(nodes, fmt.Sprint(broker.ID(), strings.Split(broker.Addr(), ":")[0]))
	}
	return facts{"nodes": nodes, "controller": controller}, nil
}

func (k *kit) create(topic string, detail sarama.TopicDetail, only bool) string {
	return said(k.admin.CreateTopic(topic, &detail, only))
}

func detail(partitions int32, factor int16) sarama.TopicDetail {
	return sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: factor}
}

func (k *kit) topicsCreate(ctx context.Context) (any, error) {
	configs := map[string]*string{"cleanup.policy": pointer("compact")}
	assignment := map[int32][]int32{0: {1}, 1: {1}}
	names := []string{"s-plain", "s-config", "s-manual", "s-defaults"}
	outcome := facts{
		"plain":    k.create("s-plain", detail(3, 1), false),
		"defaults": k.create("s-defaults", detail(-1, -1), false),
		"config": k.create("s-config",
			sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: configs}, false),
		"manual": k.create("s-manual", sarama.TopicDetail{
			NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: assignment,
		}, false),
		"validated": k.create("s-validated", detail(1, 1), true),
	}
	var topics map[string]sarama.TopicDetail
	err := until(ctx, "the topics", func() bool {
		var err error
		topics, err = k.admin.ListTopics()
		for _, name := range names {
			if _, found := topics[name]; !found {
				return false
			}
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	described, err := k.admin.DescribeTopics(names)
	if err != nil {
		return nil, err
	}
	for _, topic := range described {
		lines := []string{}
		for _, p := range topic.Partitions {
			lines = append(lines, fmt.Sprint(p.ID, p.Err, p.Leader, p.Replicas, p.Isr, p.OfflineReplicas))
		}
		sort.Strings(lines)
		outcome["described "+topic.Name] = lines
	}
	outcome["listed"] = topics["s-config"]
	_, isThere := topics["s-validated"]
	outcome["validatedIsThere"] = isThere
	return outcome, nil
}

func (k *kit) topicsErrors(_ context.Context) (any, error) {
	one := detail(1, 1)
	with := func(name, value string) sarama.TopicDetail {
		changed := one
		changed.ConfigEntries = map[string]*string{name: &value}
		return changed
	}
	k.create("s-exists", one, false)
	return facts{
		"exists":      k.create("s-exists", one, false),
		"invalidName": k.create("s/slash", one, false),
		"tooLong":     k.create(strings.Repeat("x", 250), one, false),
		"zero":        k.create("s-zero", sarama.TopicDetail{ReplicationFactor: 1}, false),
		"factor":      k.create("s-factor", detail(1, 3), false),
		"unknown":     k.create("s-bad", with("no.such.config", "1"), false),
		"badValue":    k.create("s-bad", with("retention.ms", "soon"), false),
	}, nil
}

func (k *kit) topicsDelete(ctx context.Context) (any, error) {
	if err := k.createTopic(ctx, "s-delete", 1); err != nil {
		return nil, err
	}
	return facts{
		"deleted": said(k.admin.DeleteTopic("s-delete")),
		"again":   said(k.admin.DeleteTopic("s-delete")),
	}, nil
}

func (k *kit) partitionsCreate(ctx context.Context) (any, error) {
	if err := k.createTopic(ctx, "s-grow", 1); err != nil {
		return nil, err
	}
	grow := func(topic string, count int32, only bool, assignment ...[]int32) string {
		return said(k.admin.CreatePartitions(topic, count, assignment, only))
	}
	return facts{
		"validated":     grow("s-grow", 9, true),
		"grown":         grow("s-grow", 3, false),
		"fewer":         grow("s-grow", 2, false),
		"same":          grow("s-grow", 3, false),
		"manual":        grow("s-grow", 4, false, []int32{1}),
		"unknownBroker": grow("s-grow", 5, false, []int32{77}),
		"unknown":       grow("s-no-such-topic", 3, false),
	}, nil
}

func (k *kit) describeConfigs(kind sarama.ConfigResourceType, name string, names ...string) any {
	resource := sarama.ConfigResource{Type: kind, Name: name, ConfigNames: names}
	entries, err := k.admin.DescribeConfig(resource)
	if err != nil {
		return said(err)
	}
	lines := []string{}
	for _, entry := range entries {
		line := fmt.Sprint(entry.Name, "=", entry.Value, " ", entry.Source, " read-only ",
			entry.ReadOnly, " sensitive ", entry.Sensitive)
		for _, synonym := range entry.Synonyms {
			line += fmt.Sprint(" ", synonym.ConfigName, "=", synonym.ConfigValue, " ", synonym.Source)
		}
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return lines
}

func (k *kit) configsTopic(ctx context.Context) (any, error) {
	name := "s-topic-configs"
	if err := k.createTopic(ctx, name, 1); err != nil {
		return nil, err
	}
	topic := sarama.ConfigResourceType(sarama.TopicResource)
	alter := func(name, config, value string) string {
		return said(k.admin.AlterConfig(topic, name, map[string]*string{config: &value}, false))
	}
	increment := func(
		config string, op sarama.IncrementalAlterConfigsOperation, value *string,
	) string {
		entry := sarama.IncrementalAlterConfigsEntry{Operation: op, Value: value}
		entries := map[string]sarama.IncrementalAlterConfigsEntry{config: entry}
		return said(k.admin.IncrementalAlterConfig(topic, name, entries, false))
	}
	names := []string{"retention.ms", "cleanup.policy", "max.message.bytes"}
	return facts{
		"all":     k.describeConfigs(topic, name),
		"altered": alter(name, "retention.ms", "1000"),
		"added": increment("cleanup.policy", sarama.IncrementalAlterConfigsOperationAppend,
			pointer("compact")),
		"after": k.describeConfigs(topic, name, names...),
		"deleted": increment("retention.ms", sarama.IncrementalAlterConfigsOperationDelete,
			nil),
		"afterDelete":     k.describeConfigs(topic, name, names...),
		"badValue":        alter(name, "retention.ms", "soon"),
		"unknownConfig":   alter(name, "no.such.config", "1"),
		"unknownTopic":    alter("s-no-such-topic", "retention.ms", "1"),
		"describeUnknown": k.describeConfigs(topic, "s-no-such-topic"),
	}, nil
}

func (k *kit) configsBroker(_ context.Context) (any, error) {
	broker := sarama.ConfigResourceType(sarama.BrokerResource)
	return k.describeConfigs(broker, "1", "log.retention.ms", "message.max.bytes", "node.id"), nil
}

func (k *kit) deleteRecords(ctx context.Context) (any, error) {
	topic := "s-delete-records"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	cut := func(name string, partition int32, offset int64) string {
		return said(k.admin.DeleteRecords(name, map[int32]int64{partition: offset}))
	}
	outcome := facts{"cut": cut(topic, 0, 4)}
	oldest, err := k.client.GetOffset(topic, 0, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	outcome["oldest"] = oldest
	outcome["behindEnd"] = cut(topic, 0, 11)
	outcome["toEnd"] = cut(topic, 0, -1)
	return outcome, nil
}

func (k *kit) logDirs(ctx context.Context) (any, error) {
	topic := "s-log-dirs"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if _, err := k.send([]*sarama.ProducerMessage{message(topic, 0, 0, "k", "v")}, nil); err != nil {
		return nil, err
	}
	dirs, err := k.admin.DescribeLogDirs([]int32{1})
	if err != nil {
		return nil, err
	}
	outcome := facts{"dirs": len(dirs[1])}
	for _, found := range dirs[1][0].Topics {
		if found.Topic == topic {
			p := found.Partitions[0]
			outcome["partition"] = fmt.Sprint(p.PartitionID, p.Size, p.OffsetLag, p.IsTemporary)
		}
	}
	return outcome, nil
}
