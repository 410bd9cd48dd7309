package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

func (k *kit) transactional(id string, change func(*sarama.Config)) (sarama.SyncProducer, error) {
	config := newConfig()
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	config.Producer.Transaction.ID = id
	config.Producer.Transaction.Timeout = time.Minute
	config.Producer.Transaction.Retry.Backoff = 50 * time.Millisecond
	if change != nil {
		change(config)
	}
	return sarama.NewSyncProducer(k.bootstrap, config)
}

func sendEach(producer sarama.SyncProducer, topic string, partitions int, value string) error {
	for partition := range partitions {
		if _, _, err := producer.SendMessage(message(topic, int32(partition), 0, "", value)); err != nil {
			return err
		}
	}
	return nil
}

// transact sends one message to each partition in a transaction and ends it.
func transact(
	producer sarama.SyncProducer, topic string, partitions int, value string, end func() error,
) error {
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := sendEach(producer, topic, partitions, value); err != nil {
		return err
	}
	return end()
}

// highWatermarks gives the end offsets of the partitions.
func (k *kit) highWatermarks(topic string, partitions int) ([]int64, error) {
	ends := []int64{}
	for partition := range partitions {
		end, err := k.client.GetOffset(topic, int32(partition), sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// committedView gives what a reader of committed messages sees, once `count` are there.
func (k *kit) committedView(ctx context.Context, topic string, partitions, count int) (any, error) {
	config := newConfig()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	messages, err := k.readWith(ctx, config, topic, partitions, sarama.OffsetOldest, count)
	if err != nil {
		return nil, err
	}
	ends, err := k.highWatermarks(topic, partitions)
	return facts{"read": places(messages), "ends": ends}, err
}

func (k *kit) txnCommit(ctx context.Context) (any, error) {
	topic := "s-txn-commit"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	producer, err := k.transactional(topic, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = producer.Close() }()
	ends := []func() error{producer.CommitTxn, producer.AbortTxn, producer.CommitTxn}
	for i, end := range ends {
		if err := transact(producer, topic, 2, fmt.Sprint("t", i), end); err != nil {
			return nil, err
		}
	}
	return k.committedView(ctx, topic, 2, 4)
}

func (k *kit) txnFencing(ctx context.Context) (any, error) {
	topic := "s-txn-fencing"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	zombie, err := k.transactional(topic, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = zombie.Close() }()
	if err := zombie.BeginTxn(); err != nil {
		return nil, err
	}
	if err := sendEach(zombie, topic, 1, "zombie"); err != nil {
		return nil, err
	}
	next, err := k.transactional(topic, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = next.Close() }()
	if err := transact(next, topic, 1, "next", next.CommitTxn); err != nil {
		return nil, err
	}
	fenced := said(zombie.CommitTxn())
	view, err := k.committedView(ctx, topic, 1, 1)
	return facts{"fenced": fenced, "view": view}, err
}

func (k *kit) txnTimeout(ctx context.Context) (any, error) {
	topic := "s-txn-timeout"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	producer, err := k.transactional(topic, func(config *sarama.Config) {
		config.Producer.Transaction.Timeout = 500 * time.Millisecond
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = producer.Close() }()
	if err := producer.BeginTxn(); err != nil {
		return nil, err
	}
	if err := sendEach(producer, topic, 1, "late"); err != nil {
		return nil, err
	}
	err = until(ctx, "the abort", func() bool {
		ends, err := k.highWatermarks(topic, 1)
		return err == nil && ends[0] == 2
	})
	if err != nil {
		return nil, err
	}
	late := said(producer.CommitTxn())
	status := producer.TxnStatus().String()
	return facts{"commit": late, "isFatal": strings.Contains(status, "Fatal")}, nil
}

// txnOffsets copies messages, and commits the offset of the last one with them.
func (k *kit) txnOffsets(ctx context.Context) (any, error) {
	topic := "s-txn-offsets"
	if err := k.filled(ctx, topic, 1, 3); err != nil {
		return nil, err
	}
	if err := k.createTopic(ctx, topic+"-out", 1); err != nil {
		return nil, err
	}
	messages, err := k.read(ctx, topic, 1, sarama.OffsetOldest, 3)
	if err != nil {
		return nil, err
	}
	producer, err := k.transactional(topic, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = producer.Close() }()
	outcome := facts{}
	for _, name := range []string{"abort", "commit"} {
		end := map[string]func() error{"abort": producer.AbortTxn, "commit": producer.CommitTxn}[name]
		err := transact(producer, topic+"-out", 1, name, func() error {
			metadata := "by sarama"
			if err := producer.AddMessageToTxn(messages[2], topic, &metadata); err != nil {
				return err
			}
			return end()
		})
		if err != nil {
			return nil, err
		}
		wanted := map[string]string{"abort": "0: -1", "commit": "0: 3"}[name]
		err = until(ctx, "offsets", func() bool {
			return strings.Contains(fmt.Sprint(k.committed(topic, topic, 1)), wanted)
		})
		if err != nil {
			return nil, err
		}
		outcome[name] = k.committed(topic, topic, 1)
	}
	outcome["out"], err = k.committedView(ctx, topic+"-out", 1, 1)
	return outcome, err
}
