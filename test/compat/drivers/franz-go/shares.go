package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// beginEarliest lets a share group begin with the first record.
func (k *kit) beginEarliest(ctx context.Context, group string, configs map[string]string) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeGroupConfig
	resource.ResourceName = group
	all := map[string]string{"share.auto.offset.reset": "earliest"}
	for name, value := range configs {
		all[name] = value
	}
	for name, value := range all {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value = name, pointer(value)
		resource.Configs = append(resource.Configs, config)
	}
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	if code := response.Resources[0].ErrorCode; code != 0 {
		return fmt.Errorf("the configs of %s: error %d", group, code)
	}
	// A broker of Kafka hears of it a little after the answer.
	time.Sleep(300 * time.Millisecond)
	return nil
}

func (k *kit) joinShare(group, topic string, opts ...kgo.Opt) (*kgo.Client, error) {
	all := append([]kgo.Opt{kgo.ShareGroup(group), kgo.ConsumeTopics(topic)}, opts...)
	return k.newClient(all...)
}

func (k *kit) sharedTopic(ctx context.Context, topic string, partitions, each int) error {
	if err := k.filled(ctx, topic, partitions, each); err != nil {
		return err
	}
	return k.beginEarliest(ctx, topic, nil)
}

// take polls until there are `count` records, and says the same of all.
func take(
	ctx context.Context, client *kgo.Client, count int, status kgo.AckStatus,
) ([]*kgo.Record, error) {
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
		client.MarkAcks(status)
		if err := client.FlushAcks(ctx); err != nil {
			return nil, err
		}
	}
	sortRecords(records)
	return records, nil
}

// listen gives what comes in a while, though nothing should.
func listen(ctx context.Context, client *kgo.Client, wait time.Duration) []string {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	found := deliveries(client.PollFetches(ctx).Records())
	sort.Strings(found)
	return found
}

func deliveries(records []*kgo.Record) []string {
	found := []string{}
	for _, r := range records {
		found = append(found, fmt.Sprintf("%s #%d", place(r), r.DeliveryCount()))
	}
	return found
}

func (k *kit) shareImplicit(ctx context.Context) (any, error) {
	topic := "f-share-implicit"
	if err := k.sharedTopic(ctx, topic, 2, 5); err != nil {
		return nil, err
	}
	client, err := k.joinShare(topic, topic)
	if err != nil {
		return nil, err
	}
	records, err := take(ctx, client, 10, kgo.AckAccept)
	client.Close()
	if err != nil {
		return nil, err
	}
	next, err := k.joinShare(topic, topic)
	if err != nil {
		return nil, err
	}
	defer next.Close()
	return facts{
		"first":  deliveries(records),
		"second": listen(ctx, next, 1500*time.Millisecond),
	}, nil
}

// shareExplicit accepts, releases and rejects in turn; what was released comes again.
func (k *kit) shareExplicit(ctx context.Context) (any, error) {
	topic := "f-share-explicit"
	if err := k.sharedTopic(ctx, topic, 1, 9); err != nil {
		return nil, err
	}
	var failures []string
	callback := kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
		if err := results.Error(); err != nil && !errors.Is(err, context.Canceled) {
			failures = append(failures, errorName(err))
		}
	})
	client, err := k.joinShare(topic, topic, callback)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	fetches := client.PollFetches(ctx)
	first := fetches.Records()
	sortRecords(first)
	statuses := []kgo.AckStatus{kgo.AckAccept, kgo.AckRelease, kgo.AckReject}
	for i, r := range first {
		client.MarkAcks(statuses[i%len(statuses)], r)
	}
	if err := client.FlushAcks(ctx); err != nil {
		return nil, err
	}
	again, err := take(ctx, client, 3, kgo.AckAccept)
	if err != nil {
		return nil, err
	}
	return facts{
		"first": deliveries(first), "again": deliveries(again), "failures": len(failures),
		"nothing": listen(ctx, client, 500*time.Millisecond),
	}, nil
}

// shareRecordLimit never gets more than it asks for (KIP-1206).
func (k *kit) shareRecordLimit(ctx context.Context) (any, error) {
	topic := "f-share-strict"
	if err := k.sharedTopic(ctx, topic, 1, 8); err != nil {
		return nil, err
	}
	client, err := k.joinShare(topic, topic, kgo.ShareMaxRecords(3), kgo.ShareMaxRecordsStrict())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var polls [][]string
	for count := 0; count < 8; {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		records := fetches.Records()
		if len(records) == 0 {
			continue
		}
		count += len(records)
		polls = append(polls, deliveries(records))
		client.MarkAcks(kgo.AckAccept)
		if err := client.FlushAcks(ctx); err != nil {
			return nil, err
		}
	}
	return polls, nil
}

// shareLeftBehind: a member closes without a word, and another gets what it had.
func (k *kit) shareLeftBehind(ctx context.Context) (any, error) {
	topic := "f-share-left"
	if err := k.sharedTopic(ctx, topic, 1, 6); err != nil {
		return nil, err
	}
	client, err := k.joinShare(topic, topic)
	if err != nil {
		return nil, err
	}
	first := client.PollFetches(ctx).Records()
	sortRecords(first)
	client.MarkAcks(kgo.AckAccept, first[:2]...)
	if err := client.FlushAcks(ctx); err != nil {
		return nil, err
	}
	client.Close()
	other, err := k.joinShare(topic, topic)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	second, err := take(ctx, other, 4, kgo.AckAccept)
	if err != nil {
		return nil, err
	}
	return facts{"first": deliveries(first), "second": deliveries(second)}, nil
}
