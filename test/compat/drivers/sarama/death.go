package main

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// leaderDeath writes and reads while somebody kills the leader: see cluster/scenarios/clients.ts.
func (k *kit) leaderDeath(ctx context.Context) (any, error) {
	const topic, count = "death-sarama", 300
	m, err := k.join(ctx, "group-of-"+topic, topic, nil)
	if err != nil {
		return nil, err
	}
	defer m.leave()
	config := newConfig()
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	config.Producer.Retry.Max = 100
	config.Producer.Retry.Backoff = 100 * time.Millisecond
	producer, err := sarama.NewSyncProducer(k.bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	for i := range count {
		text := sarama.StringEncoder(fmt.Sprint("v", i))
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: text})
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		time.Sleep(15 * time.Millisecond)
	}
	places := map[int64]string{}
	err = until(ctx, "all are read", func() bool {
		m.lock.Lock()
		defer m.lock.Unlock()
		for _, message := range m.messages {
			places[message.Offset] = string(message.Value)
		}
		return len(places) >= count
	})
	if err != nil {
		return nil, err
	}
	isSame := true
	for i := range count {
		isSame = isSame && places[int64(i)] == fmt.Sprint("v", i)
	}
	return facts{"written": count, "read": len(places), "same": isSame}, nil
}
