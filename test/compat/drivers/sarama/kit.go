package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// A fixed moment, so that timestamps in outcomes are the same in every run.
const t0 = 1_700_000_000_000

const scenarioDeadline = 150 * time.Second

type facts map[string]any

type scenario struct {
	name string
	run  func(ctx context.Context) (any, error)
}

type kit struct {
	bootstrap []string
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

// runScenarios runs all scenarios, or those named, and prints one JSON line for each.
func runScenarios(scenarios []scenario, names []string) {
	for _, s := range scenarios {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), scenarioDeadline)
		outcome, err := s.run(ctx)
		cancel()
		if err != nil {
			outcome = facts{"failed": err.Error()}
		}
		line, err := json.Marshal(map[string]any{s.name: outcome})
		if err != nil {
			fmt.Fprintln(os.Stderr, s.name, err)
			continue
		}
		fmt.Println(string(line))
	}
}

func newConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.ClientID = "compat"
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Retry.Backoff = 50 * time.Millisecond
	config.Metadata.Retry.Backoff = 50 * time.Millisecond
	config.Metadata.Retry.Max = 10
	config.Consumer.MaxWaitTime = 50 * time.Millisecond
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 10 * time.Second
	config.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	return config
}

func newKit(bootstrap string) *kit {
	k := &kit{bootstrap: strings.Split(bootstrap, ",")}
	k.client = must(sarama.NewClient(k.bootstrap, newConfig()))
	k.admin = must(sarama.NewClusterAdminFromClient(k.client))
	return k
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pointer[T any](value T) *T { return &value }

// until asks again and again until the condition holds.
func until(ctx context.Context, what string, condition func() bool) error {
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not in time", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

func (k *kit) createTopic(ctx context.Context, topic string, partitions int32) error {
	return k.createTopicWith(ctx, topic, partitions, nil)
}

func (k *kit) createTopicWith(
	ctx context.Context, topic string, partitions int32, configs map[string]*string,
) error {
	detail := sarama.TopicDetail{
		NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs,
	}
	if err := k.admin.CreateTopic(topic, &detail, false); err != nil {
		return err
	}
	// Kafka shows a new topic in its metadata a moment before the partitions take records.
	return until(ctx, topic, func() bool {
		if k.client.RefreshMetadata(topic) != nil {
			return false
		}
		for partition := range partitions {
			if _, err := k.client.GetOffset(topic, partition, sarama.OffsetNewest); err != nil {
				return false
			}
		}
		return true
	})
}

func message(topic string, partition int32, at int64, key, value string) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{
		Topic: topic, Partition: partition, Timestamp: time.UnixMilli(t0 + at),
		Value: sarama.StringEncoder(value),
	}
	if key != "" {
		m.Key = sarama.StringEncoder(key)
	}
	return m
}

// send produces the messages, and gives the place or the error of each.
func (k *kit) send(
	messages []*sarama.ProducerMessage, change func(*sarama.Config),
) ([]string, error) {
	config := newConfig()
	if change != nil {
		change(config)
	}
	producer, err := sarama.NewSyncProducer(k.bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = producer.Close() }()
	var failures sarama.ProducerErrors
	if err := producer.SendMessages(messages); err != nil && !errors.As(err, &failures) {
		return nil, err
	}
	failed := map[*sarama.ProducerMessage]string{}
	for _, failure := range failures {
		failed[failure.Msg] = failure.Err.Error()
	}
	var places []string
	for _, m := range messages {
		if name, isFailed := failed[m]; isFailed {
			places = append(places, name)
		} else {
			places = append(places, fmt.Sprintf("%d@%d", m.Partition, m.Offset))
		}
	}
	return places, nil
}

func (k *kit) fill(topic string, partitions, each int, prefix string) error {
	var messages []*sarama.ProducerMessage
	for partition := range partitions {
		for i := range each {
			value := fmt.Sprintf("%s%d", prefix, i)
			messages = append(messages, message(topic, int32(partition), int64(i)*1000, "", value))
		}
	}
	_, err := k.send(messages, nil)
	return err
}

// read consumes all partitions from an offset until there are `count` messages.
func (k *kit) read(
	ctx context.Context, topic string, partitions int, offset int64, count int,
) ([]*sarama.ConsumerMessage, error) {
	return k.readWith(ctx, newConfig(), topic, partitions, offset, count)
}

func (k *kit) readWith(
	ctx context.Context, config *sarama.Config, topic string, partitions int, offset int64, count int,
) ([]*sarama.ConsumerMessage, error) {
	consumer, err := sarama.NewConsumer(k.bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer func() { _ = consumer.Close() }()
	arrived := make(chan *sarama.ConsumerMessage)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	for partition := range partitions {
		one, err := consumer.ConsumePartition(topic, int32(partition), offset)
		if err != nil {
			return nil, err
		}
		defer func() { _ = one.Close() }()
		go func() {
			for m := range one.Messages() {
				select {
				case arrived <- m:
				case <-reading.Done():
				}
			}
		}()
	}
	var messages []*sarama.ConsumerMessage
	for len(messages) < count {
		select {
		case m := <-arrived:
			messages = append(messages, m)
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d messages", len(messages), count)
		}
	}
	sort.Slice(messages, func(i, j int) bool {
		a, b := messages[i], messages[j]
		return a.Partition < b.Partition || a.Partition == b.Partition && a.Offset < b.Offset
	})
	return messages, nil
}

func place(m *sarama.ConsumerMessage) string {
	return fmt.Sprintf("%d@%d=%s", m.Partition, m.Offset, m.Value)
}

func places(messages []*sarama.ConsumerMessage) []string {
	found := []string{}
	for _, m := range messages {
		found = append(found, place(m))
	}
	return found
}

func allPlain(messages []*sarama.ConsumerMessage) []facts {
	found := []facts{}
	for _, m := range messages {
		headers := []string{}
		for _, header := range m.Headers {
			headers = append(headers, string(header.Key)+"="+text(header.Value))
		}
		found = append(found, facts{
			"place": fmt.Sprintf("%d@%d", m.Partition, m.Offset),
			"key":   text(m.Key), "value": text(m.Value), "headers": headers,
			"timestamp": m.Timestamp.UnixMilli(),
		})
	}
	return found
}

func text(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return "'" + string(bytes) + "'"
}

func digest(value any) string {
	sum := sha256.Sum256(must(json.Marshal(value)))
	return hex.EncodeToString(sum[:])[:16]
}

// said gives the error as sarama says it, or "done".
func said(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}
