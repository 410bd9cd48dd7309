package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func oneRecord(topic string) []*kgo.Record {
	return []*kgo.Record{record(topic, 0, 0, "k", "v")}
}

func (k *kit) produceConsume(ctx context.Context) (any, error) {
	topic := "f-produce"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	withHeaders := record(topic, 0, 0, "k0", "v0")
	withHeaders.Headers = []kgo.RecordHeader{
		{Key: "h", Value: []byte("1")}, {Key: "null"}, {Key: "empty", Value: []byte{}},
		{Key: "h", Value: []byte("again")},
	}
	tombstone := record(topic, 0, 2, "tombstone", "")
	tombstone.Value = nil
	records := []*kgo.Record{
		withHeaders, record(topic, 0, 1, "", "no key"), tombstone, record(topic, 0, 3, "e", ""),
		record(topic, 1, 9, "ключ", "值 🐦"), record(topic, 1, 5, "earlier", "v"),
	}
	sent, err := k.send(ctx, records)
	if err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, len(records))
	if err != nil {
		return nil, err
	}
	return facts{"sent": sent, "read": allPlain(read)}, nil
}

func allPlain(records []*kgo.Record) []facts {
	found := []facts{}
	for _, r := range records {
		found = append(found, plain(r))
	}
	return found
}

func many(topic string, count, partitions int) []*kgo.Record {
	var records []*kgo.Record
	for i := range count {
		value := strings.Repeat(fmt.Sprintf("value %d ", i), 20)
		key := fmt.Sprintf("key-%d", i%7)
		records = append(records, record(topic, int32(i%partitions), int64(i), key, value))
	}
	return records
}

func (k *kit) codecs(ctx context.Context) (any, error) {
	outcome := facts{}
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "lz4": kgo.Lz4Compression(),
		"snappy": kgo.SnappyCompression(), "zstd": kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		topic := "f-codec-" + name
		if err := k.createTopic(ctx, topic, 1); err != nil {
			return nil, err
		}
		linger := kgo.ProducerLinger(50 * time.Millisecond)
		_, err := k.send(ctx, many(topic, 200, 1), kgo.ProducerBatchCompression(codec), linger)
		if err != nil {
			return nil, err
		}
		read, err := k.read(ctx, topic, 200)
		if err != nil {
			return nil, err
		}
		outcome[name] = facts{"last": plain(read[199]), "digest": digest(allPlain(read))}
	}
	return outcome, nil
}

// oldVersions does the same with the request versions of older releases.
func (k *kit) oldVersions(ctx context.Context) (any, error) {
	releases := map[string]*kversion.Versions{
		"2.1": kversion.V2_1_0(), "2.4": kversion.V2_4_0(), "2.8": kversion.V2_8_0(),
		"3.1": kversion.V3_1_0(), "3.7": kversion.V3_7_0(), "4.0": kversion.V4_0_0(),
	}
	outcome := facts{}
	for release, versions := range releases {
		topic := "f-release-" + release
		if err := k.createTopic(ctx, topic, 2); err != nil {
			return nil, err
		}
		pinned := kgo.MaxVersions(versions)
		sent, err := k.send(ctx, many(topic, 20, 2), pinned)
		if err != nil {
			return nil, err
		}
		group := kgo.ConsumerGroup(topic)
		read, err := k.read(ctx, topic, 20, pinned, group)
		if err != nil {
			return nil, err
		}
		offsets, err := k.admin.FetchOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		at, _ := offsets.Lookup(topic, 0)
		outcome[release] = facts{
			"sent": digest(sent), "read": digest(allPlain(read)), "committed": at.At >= 0,
		}
	}
	return outcome, nil
}

func (k *kit) largeValues(ctx context.Context) (any, error) {
	topic := "f-large"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	limit := kgo.ProducerBatchMaxBytes(1_048_588)
	for _, size := range []int{100_000, 1_000_000, 1_048_400} {
		r := record(topic, 0, 0, "", strings.Repeat("x", size))
		if _, err := k.send(ctx, []*kgo.Record{r}, limit, kgo.ProducerBatchCompression()); err != nil {
			return nil, err
		}
	}
	read, err := k.read(ctx, topic, 3)
	if err != nil {
		return nil, err
	}
	sizes := []string{}
	for _, r := range read {
		sizes = append(sizes, fmt.Sprintf("%d %d %s", r.Offset, len(r.Value), digest(r.Value)))
	}
	return sizes, nil
}

func (k *kit) manyPartitions(ctx context.Context) (any, error) {
	topic := "f-many"
	if err := k.createTopic(ctx, topic, 50); err != nil {
		return nil, err
	}
	if _, err := k.send(ctx, many(topic, 500, 50)); err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, 500)
	if err != nil {
		return nil, err
	}
	return facts{"digest": digest(places(read))}, nil
}

func (k *kit) acks(ctx context.Context) (any, error) {
	topic := "f-acks"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	levels := []struct {
		name string
		acks kgo.Acks
	}{{"1", kgo.LeaderAck()}, {"all", kgo.AllISRAcks()}, {"0", kgo.NoAck()}}
	outcome := facts{}
	for _, level := range levels {
		r := record(topic, 0, 0, "", "acks "+level.name)
		opts := []kgo.Opt{kgo.RequiredAcks(level.acks), kgo.DisableIdempotentWrite()}
		if _, err := k.send(ctx, []*kgo.Record{r}, opts...); err != nil {
			return nil, err
		}
	}
	read, err := k.read(ctx, topic, 3)
	outcome["read"] = places(read)
	return outcome, err
}

func (k *kit) idempotent(ctx context.Context) (any, error) {
	topic := "f-idempotent"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	if _, err := k.send(ctx, many(topic, 300, 2), kgo.ProducerBatchMaxBytes(2000)); err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, 300)
	if err != nil {
		return nil, err
	}
	producers, err := k.admin.DescribeProducers(ctx, map[string]map[int32]struct{}{topic: {0: {}}})
	if err != nil {
		return nil, err
	}
	states := []string{}
	for _, p := range producers.SortedProducers() {
		states = append(states, fmt.Sprintf("epoch %d sequence %d at %d", p.ProducerEpoch,
			p.LastSequence, p.LastTimestamp))
	}
	return facts{"read": digest(places(read)), "producers": states}, nil
}

func (k *kit) listOffset(ctx context.Context, topic string, partition int32, at int64) any {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = topic
	place := kmsg.NewListOffsetsRequestTopicPartition()
	place.Partition = partition
	place.Timestamp = at
	asked.Partitions = append(asked.Partitions, place)
	request.Topics = append(request.Topics, asked)
	return k.ask(ctx, request)
}

func (k *kit) offsets(ctx context.Context) (any, error) {
	topic := "f-offsets"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, at := range []int64{-1, -2, -3, -4, -5, -6, t0 - 1, t0 + 3000, t0 + 3001, t0 + 99_000} {
		outcome[fmt.Sprint(at)] = k.listOffset(ctx, topic, 0, at)
		outcome[fmt.Sprintf("%d of an empty one", at)] = k.listOffset(ctx, topic, 1, at)
	}
	return outcome, nil
}

func (k *kit) leaderEpochs(ctx context.Context) (any, error) {
	topic := "f-epochs"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	ask := func(partition, epoch, current int32) any {
		request := kmsg.NewPtrOffsetForLeaderEpochRequest()
		request.ReplicaID = -1
		asked := kmsg.NewOffsetForLeaderEpochRequestTopic()
		asked.Topic = topic
		place := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		place.Partition = partition
		place.LeaderEpoch = epoch
		place.CurrentLeaderEpoch = current
		asked.Partitions = append(asked.Partitions, place)
		request.Topics = append(request.Topics, asked)
		return k.ask(ctx, request)
	}
	return facts{
		"zero": ask(0, 0, -1), "later": ask(0, 5, -1), "current": ask(0, 0, 0),
		"unknownCurrent": ask(0, 0, 9),
	}, nil
}

func (k *kit) fetchFrom(ctx context.Context) (any, error) {
	topic := "f-fetch-from"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	from := func(offset kgo.Offset, count int) any {
		at := map[string]map[int32]kgo.Offset{topic: {0: offset}}
		client, err := k.newClient(kgo.ConsumePartitions(at))
		if err != nil {
			return err.Error()
		}
		defer client.Close()
		read, err := poll(ctx, client, count)
		if err != nil {
			return err.Error()
		}
		return places(read)
	}
	return facts{
		"five":      from(kgo.NewOffset().At(5), 5),
		"lastThree": from(kgo.NewOffset().AtEnd().Relative(-3), 3),
		"time":      from(kgo.NewOffset().AfterMilli(t0+6500), 3),
	}, nil
}

// outOfRange asks with plain Fetch requests, so that the raw answers are seen.
func (k *kit) outOfRange(ctx context.Context) (any, error) {
	topic := "f-out-of-range"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	listed, err := k.admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	id := listed[topic].ID
	fetch := func(topicID [16]byte, partition int32, offset int64, epoch int32) any {
		request := kmsg.NewPtrFetchRequest()
		request.MaxWaitMillis = 10
		request.MaxBytes = 1 << 20
		request.SessionEpoch = -1
		asked := kmsg.NewFetchRequestTopic()
		asked.Topic = topic
		asked.TopicID = topicID
		place := kmsg.NewFetchRequestTopicPartition()
		place.Partition = partition
		place.FetchOffset = offset
		place.CurrentLeaderEpoch = epoch
		place.PartitionMaxBytes = 1 << 20
		asked.Partitions = append(asked.Partitions, place)
		request.Topics = append(request.Topics, asked)
		broker := k.client.Broker(1)
		response, err := broker.RetriableRequest(ctx, request)
		if err != nil {
			return errorName(err)
		}
		answer := response.(*kmsg.FetchResponse)
		if len(answer.Topics) == 0 {
			return facts{"code": answer.ErrorCode}
		}
		p := answer.Topics[0].Partitions[0]
		return facts{
			"code": p.ErrorCode, "highWatermark": p.HighWatermark, "start": p.LogStartOffset,
			"stable": p.LastStableOffset, "bytes": len(p.RecordBatches), "replica": p.PreferredReadReplica,
		}
	}
	return facts{
		"behindEnd":      fetch(id, 0, 11, -1),
		"atEnd":          fetch(id, 0, 10, -1),
		"negative":       fetch(id, 0, -5, -1),
		"start":          fetch(id, 0, 0, 0),
		"laterEpoch":     fetch(id, 0, 0, 9),
		"otherPartition": fetch(id, 7, 0, -1),
		"otherTopic":     fetch([16]byte{1}, 0, 0, -1),
	}, nil
}

func (k *kit) recordTooLarge(ctx context.Context) (any, error) {
	topic := "f-small"
	configs := map[string]*string{"max.message.bytes": pointer("1000")}
	if err := k.createTopicWith(ctx, topic, 1, configs); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, size := range []int{900, 1000, 5000} {
		r := record(topic, 0, 0, "", strings.Repeat("x", size))
		sent, err := k.send(ctx, []*kgo.Record{r}, kgo.ProducerBatchCompression())
		if err != nil {
			return nil, err
		}
		outcome[fmt.Sprint(size)] = sent
	}
	return outcome, nil
}

func (k *kit) unknownTopic(ctx context.Context) (any, error) {
	sent, err := k.send(ctx, oneRecord("f-no-such-topic"), kgo.UnknownTopicRetries(1))
	if err != nil {
		return nil, err
	}
	return facts{
		"produce":  sent,
		"describe": k.describeTopics(ctx, "f-no-such-topic", "f/slash"),
	}, nil
}

func (k *kit) autoCreate(ctx context.Context) (any, error) {
	sent, err := k.send(ctx, oneRecord("f-auto"), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	read, err := k.read(ctx, "f-auto", 1)
	return facts{"sent": sent, "read": places(read)}, err
}
