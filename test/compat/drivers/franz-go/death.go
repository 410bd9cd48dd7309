package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// leaderDeath writes and reads while somebody kills the leader: see cluster/scenarios/clients.ts.
func (k *kit) leaderDeath(ctx context.Context) (any, error) {
	const topic, count = "death-franz-go", 300
	m, err := k.join(ctx, "group-of-"+topic, topic)
	if err != nil {
		return nil, err
	}
	defer m.client.Close()
	producer, err := k.newClient()
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	for i := range count {
		r := &kgo.Record{Topic: topic, Partition: 0, Value: []byte(fmt.Sprint("v", i))}
		if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		time.Sleep(15 * time.Millisecond)
	}
	places := map[int64]string{}
	err = until(ctx, "all are read", func() bool {
		m.lock.Lock()
		defer m.lock.Unlock()
		for _, r := range m.records {
			places[r.Offset] = string(r.Value)
		}
		return len(places) >= count
	})
	if err != nil {
		return nil, err
	}
	return facts{"written": count, "read": len(places), "same": inOrder(places)}, nil
}

func inOrder(places map[int64]string) bool {
	for i := range len(places) {
		if places[int64(i)] != fmt.Sprint("v", i) {
			return false
		}
	}
	return true
}
