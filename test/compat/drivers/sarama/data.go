package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
)

func (k *kit) produceConsume(ctx context.Context) (any, error) {
	topic := "s-produce"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	withHeaders := message(topic, 0, 0, "k0", "v0")
	withHeaders.Headers = []sarama.RecordHeader{
		{Key: []byte("h"), Value: []byte("1")}, {Key: []byte("empty"), Value: []byte{}},
		{Key: []byte("h"), Value: []byte("again")},
	}
	tombstone := message(topic, 0, 2, "tombstone", "")
	tombstone.Value = nil
	sent, err := k.send([]*sarama.ProducerMessage{
		withHeaders, message(topic, 0, 1, "", "no key"), tombstone, message(topic, 0, 3, "e", ""),
		message(topic, 1, 9, "ключ", "值 🐦"), message(topic, 1, 5, "earlier", "v"),
	}, nil)
	if err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, 2, sarama.OffsetOldest, 6)
	return facts{"sent": sent, "read": allPlain(read)}, err
}

func many(topic string, count, partitions int) []*sarama.ProducerMessage {
	var messages []*sarama.ProducerMessage
	for i := range count {
		value := strings.Repeat(fmt.Sprintf("value %d ", i), 20)
		key := fmt.Sprintf("key-%d", i%7)
		messages = append(messages, message(topic, int32(i%partitions), int64(i), key, value))
	}
	return messages
}

func (k *kit) codecs(ctx context.Context) (any, error) {
	outcome := facts{}
	codecs := []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD,
	}
	for _, codec := range codecs {
		topic := "s-codec-" + codec.String()
		if err := k.createTopic(ctx, topic, 1); err != nil {
			return nil, err
		}
		sent, err := k.send(many(topic, 200, 1), func(config *sarama.Config) {
			config.Producer.Compression = codec
			config.Producer.Flush.Messages = 200
		})
		if err != nil {
			return nil, err
		}
		read, err := k.read(ctx, topic, 1, sarama.OffsetOldest, 200)
		if err != nil {
			return nil, err
		}
		outcome[codec.String()] = facts{"last": sent[199], "digest": digest(allPlain(read))}
	}
	return outcome, nil
}

func (k *kit) largeValues(ctx context.Context) (any, error) {
	topic := "s-large"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	for _, size := range []int{100_000, 1_000_000, 1_048_400} {
		large := []*sarama.ProducerMessage{message(topic, 0, 0, "", strings.Repeat("x", size))}
		_, err := k.send(large, func(config *sarama.Config) {
			config.Producer.MaxMessageBytes = 2_000_000
		})
		if err != nil {
			return nil, err
		}
	}
	read, err := k.read(ctx, topic, 1, sarama.OffsetOldest, 3)
	sizes := []string{}
	for _, m := range read {
		sizes = append(sizes, fmt.Sprintf("%d %d %s", m.Offset, len(m.Value), digest(m.Value)))
	}
	return sizes, err
}

func (k *kit) manyPartitions(ctx context.Context) (any, error) {
	topic := "s-many"
	if err := k.createTopic(ctx, topic, 50); err != nil {
		return nil, err
	}
	if _, err := k.send(many(topic, 500, 50), nil); err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, 50, sarama.OffsetOldest, 500)
	return digest(places(read)), err
}

func (k *kit) acks(ctx context.Context) (any, error) {
	topic := "s-acks"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, level := range []sarama.RequiredAcks{
		sarama.WaitForLocal, sarama.WaitForAll, sarama.NoResponse,
	} {
		name := fmt.Sprintf("acks %d", level)
		sent, err := k.send([]*sarama.ProducerMessage{message(topic, 0, 0, "", name)},
			func(config *sarama.Config) { config.Producer.RequiredAcks = level })
		if err != nil {
			return nil, err
		}
		outcome[name] = sent
	}
	read, err := k.read(ctx, topic, 1, sarama.OffsetOldest, 3)
	outcome["read"] = places(read)
	return outcome, err
}

func (k *kit) idempotent(ctx context.Context) (any, error) {
	topic := "s-idempotent"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	_, err := k.send(many(topic, 300, 2), func(config *sarama.Config) {
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
		config.Producer.Flush.MaxMessages = 10
	})
	if err != nil {
		return nil, err
	}
	read, err := k.read(ctx, topic, 2, sarama.OffsetOldest, 300)
	return digest(places(read)), err
}

func (k *kit) offsets(ctx context.Context) (any, error) {
	topic := "s-offsets"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, at := range []int64{-1, -2, -3, t0 - 1, t0 + 3000, t0 + 3001, t0 + 99_000} {
		asked := map[string]map[int32]int64{topic: {0: at}}
		found, err := k.admin.ListOffsets(asked, nil)
		if err != nil {
			outcome[fmt.Sprint(at)] = said(err)
			continue
		}
		one := found[topic][0]
		outcome[fmt.Sprint(at)] = fmt.Sprint(one.Offset, one.Timestamp, one.LeaderEpoch, said(one.Err))
	}
	return outcome, nil
}

func (k *kit) fetchFrom(ctx context.Context) (any, error) {
	topic := "s-fetch-from"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	if err := k.fill(topic, 1, 10, "v"); err != nil {
		return nil, err
	}
	five, err := k.read(ctx, topic, 1, 5, 5)
	if err != nil {
		return nil, err
	}
	oldest, err := k.read(ctx, topic, 1, sarama.OffsetOldest, 10)
	return facts{"five": places(five), "oldest": len(oldest)}, err
}

func (k *kit) outOfRange(ctx context.Context) (any, error) {
	topic := "s-out-of-range"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	_, err := k.read(ctx, topic, 1, 1000, 1)
	return said(err), nil
}

func (k *kit) recordTooLarge(ctx context.Context) (any, error) {
	topic := "s-small"
	configs := map[string]*string{"max.message.bytes": pointer("1000")}
	if err := k.createTopicWith(ctx, topic, 1, configs); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, size := range []int{900, 1000, 5000} {
		sent, err := k.send(
			[]*sarama.ProducerMessage{message(topic, 0, 0, "", strings.Repeat("x", size))}, nil)
		if err != nil {
			return nil, err
		}
		outcome[fmt.Sprint(size)] = sent
	}
	return outcome, nil
}

func (k *kit) unknownTopic(_ context.Context) (any, error) {
	noCreation := func(config *sarama.Config) {
		config.Metadata.AllowAutoTopicCreation = false
		config.Metadata.Retry.Max = 1
	}
	produce := func(topic string) any {
		sent, err := k.send([]*sarama.ProducerMessage{message(topic, 0, 0, "", "v")}, noCreation)
		if err != nil {
			return said(err)
		}
		return sent
	}
	return facts{"produce": produce("s-no-such-topic"), "badName": produce("s/slash")}, nil
}

func (k *kit) autoCreate(ctx context.Context) (any, error) {
	sent, err := k.send([]*sarama.ProducerMessage{message("s-auto", 0, 0, "", "first")}, nil)
	if err != nil {
		return nil, err
	}
	read, err := k.read(ctx, "s-auto", 1, sarama.OffsetOldest, 1)
	return facts{"sent": sent, "read": places(read)}, err
}
