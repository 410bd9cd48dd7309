package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// member is a group member; it holds a partition as long as sarama has it consume a claim.
type member struct {
	group   sarama.ConsumerGroup
	cancel  context.CancelFunc
	stopped chan struct{}

	lock     sync.Mutex
	held     map[int]bool
	messages []*sarama.ConsumerMessage
}

func (m *member) Setup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) hold(partition int32, holds bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if holds {
		m.held[int(partition)] = true
	} else {
		delete(m.held, int(partition))
	}
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (m *member) ConsumeClaim(
	session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim,
) error {
	m.hold(claim.Partition(), true)
	defer m.hold(claim.Partition(), false)
	for {
		select {
		case message, isOpen := <-claim.Messages():
			if !isOpen {
				return nil
			}
			m.lock.Lock()
			m.messages = append(m.messages, message)
			m.lock.Unlock()
			session.MarkMessage(message, "by sarama")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (k *kit) join(
	ctx context.Context, name, topic string, change func(*sarama.Config),
) (*member, error) {
	config := newConfig()
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{
		sarama.NewBalanceStrategyRange(),
	}
	if change != nil {
		change(config)
	}
	group, err := sarama.NewConsumerGroup(k.bootstrap, name, config)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	m := &member{
		group: group, cancel: cancel, stopped: make(chan struct{}), held: map[int]bool{},
	}
	go func() {
		for range group.Errors() {
			// Rebalances show here as errors; what counts is what the member gets in the end.
			continue
		}
	}()
	go func() {
		defer close(m.stopped)
		for running.Err() == nil {
			_ = group.Consume(running, []string{topic}, m)
		}
	}()
	return m, nil
}

func (m *member) partitions() []int {
	m.lock.Lock()
	defer m.lock.Unlock()
	held := []int{}
	for partition := range m.held {
		held = append(held, partition)
	}
	sort.Ints(held)
	return held
}

func (m *member) places() []string {
	m.lock.Lock()
	defer m.lock.Unlock()
	found := places(m.messages)
	sort.Strings(found)
	return found
}

func (m *member) leave() {
	m.cancel()
	<-m.stopped
	_ = m.group.Close()
}

func (k *kit) filled(ctx context.Context, topic string, partitions, each int) error {
	if err := k.createTopic(ctx, topic, int32(partitions)); err != nil {
		return err
	}
	return k.fill(topic, partitions, each, "v")
}

func (k *kit) committed(group, topic string, partitions int) any {
	numbers := []int32{}
	for i := range partitions {
		numbers = append(numbers, int32(i))
	}
	response, err := k.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: numbers})
	if err != nil {
		return said(err)
	}
	lines := []string{}
	for _, partition := range numbers {
		block := response.GetBlock(topic, partition)
		if block == nil {
			lines = append(lines, fmt.Sprint(partition, ": nothing"))
			continue
		}
		lines = append(lines, fmt.Sprintf("%d: %d epoch %d '%s' %v", partition, block.Offset,
			block.LeaderEpoch, block.Metadata, block.Err))
	}
	return lines
}

func (k *kit) describe(group string) any {
	found, err := k.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return said(err)
	}
	members := []string{}
	for _, one := range found[0].Members {
		instance := "none"
		if one.GroupInstanceId != nil {
			instance = *one.GroupInstanceId
		}
		members = append(members, fmt.Sprint(one.ClientId, one.ClientHost, " ", instance))
	}
	sort.Strings(members)
	return facts{
		"error": found[0].Err.Error(), "state": found[0].State, "type": found[0].ProtocolType,
		"protocol": found[0].Protocol, "members": members,
	}
}

func (k *kit) groupSingle(ctx context.Context) (any, error) {
	topic := "s-single"
	if err := k.filled(ctx, topic, 4, 5); err != nil {
		return nil, err
	}
	m, err := k.join(ctx, topic, topic, nil)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "20", func() bool { return len(m.places()) >= 20 }); err != nil {
		return nil, err
	}
	outcome := facts{"held": m.partitions(), "during": k.describe(topic)}
	m.leave()
	outcome["after"] = k.describe(topic)
	outcome["committed"] = k.committed(topic, topic, 4)
	return outcome, nil
}

func shared(ctx context.Context, members ...*member) error {
	return until(ctx, "each has two", func() bool {
		for _, m := range members {
			if len(m.partitions()) != 2 {
				return false
			}
		}
		return true
	})
}

func strategy(balance sarama.BalanceStrategy) func(*sarama.Config) {
	return func(config *sarama.Config) {
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{balance}
	}
}

func (k *kit) twoMembers(
	ctx context.Context, topic string, balance func() sarama.BalanceStrategy,
) (any, error) {
	if err := k.filled(ctx, topic, 4, 5); err != nil {
		return nil, err
	}
	first, err := k.join(ctx, topic, topic, strategy(balance()))
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "all", func() bool { return len(first.partitions()) == 4 }); err != nil {
		return nil, err
	}
	second, err := k.join(ctx, topic, topic, strategy(balance()))
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, first, second); err != nil {
		return nil, err
	}
	together := append(append([]int{}, first.partitions()...), second.partitions()...)
	sort.Ints(together)
	first.leave()
	if err := until(ctx, "all", func() bool { return len(second.partitions()) == 4 }); err != nil {
		return nil, err
	}
	if err := k.fill(topic, 4, 1, "later"); err != nil {
		return nil, err
	}
	later := func() []string {
		found := []string{}
		for _, line := range second.places() {
			if strings.Contains(line, "later") {
				found = append(found, line)
			}
		}
		return found
	}
	if err := until(ctx, "later", func() bool { return len(later()) >= 4 }); err != nil {
		return nil, err
	}
	second.leave()
	return facts{
		"together": together, "later": later(), "committed": k.committed(topic, topic, 4),
	}, nil
}

func (k *kit) groupTwoMembers(ctx context.Context) (any, error) {
	return k.twoMembers(ctx, "s-two", sarama.NewBalanceStrategyRange)
}

func (k *kit) groupCooperative(ctx context.Context) (any, error) {
	return k.twoMembers(ctx, "s-cooperative", sarama.NewBalanceStrategyCooperativeSticky)
}

func (k *kit) groupAssignors(ctx context.Context) (any, error) {
	outcome := facts{}
	for _, balance := range []func() sarama.BalanceStrategy{
		sarama.NewBalanceStrategyRange, sarama.NewBalanceStrategyRoundRobin,
	} {
		topic := "s-assignor-" + balance().Name()
		if err := k.createTopic(ctx, topic, 4); err != nil {
			return nil, err
		}
		first, err := k.join(ctx, topic, topic, strategy(balance()))
		if err != nil {
			return nil, err
		}
		second, err := k.join(ctx, topic, topic, strategy(balance()))
		if err != nil {
			return nil, err
		}
		if err := shared(ctx, first, second); err != nil {
			return nil, err
		}
		shares := []string{fmt.Sprint(first.partitions()), fmt.Sprint(second.partitions())}
		sort.Strings(shares)
		outcome[balance().Name()] = shares
		first.leave()
		second.leave()
	}
	return outcome, nil
}

func (k *kit) groupResume(ctx context.Context) (any, error) {
	topic := "s-resume"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, round := range []string{"a", "b"} {
		if err := k.fill(topic, 2, 3, round); err != nil {
			return nil, err
		}
		m, err := k.join(ctx, topic, topic, nil)
		if err != nil {
			return nil, err
		}
		if err := until(ctx, "6", func() bool { return len(m.places()) >= 6 }); err != nil {
			return nil, err
		}
		m.leave()
		outcome[round] = m.places()
	}
	outcome["committed"] = k.committed(topic, topic, 2)
	return outcome, nil
}

func (k *kit) groupStatic(ctx context.Context) (any, error) {
	topic := "s-static"
	if err := k.createTopic(ctx, topic, 4); err != nil {
		return nil, err
	}
	named := func(name string) func(*sarama.Config) {
		return func(config *sarama.Config) { config.Consumer.Group.InstanceId = name }
	}
	one, err := k.join(ctx, topic, topic, named("one"))
	if err != nil {
		return nil, err
	}
	two, err := k.join(ctx, topic, topic, named("two"))
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, one, two); err != nil {
		return nil, err
	}
	before := fmt.Sprint(two.partitions())
	two.leave()
	described := k.describe(topic)
	again, err := k.join(ctx, topic, topic, named("two"))
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, one, again); err != nil {
		return nil, err
	}
	same := fmt.Sprint(again.partitions()) == before
	again.leave()
	one.leave()
	removed, err := k.admin.RemoveMemberFromConsumerGroup(topic, []string{"one", "two", "nobody"})
	if err != nil {
		return nil, err
	}
	lines := []string{}
	for _, gone := range removed.Members {
		lines = append(lines, fmt.Sprint(*gone.GroupInstanceId, " ", gone.Err))
	}
	sort.Strings(lines)
	return facts{"same": same, "described": described, "removed": lines}, nil
}

func (k *kit) groupOffsets(ctx context.Context) (any, error) {
	topic := "s-group-offsets"
	group := "s-offsets"
	if err := k.filled(ctx, topic, 2, 5); err != nil {
		return nil, err
	}
	none := k.committed(group, topic, 2)
	offsets := map[string]map[int32]sarama.OffsetAndMetadata{topic: {
		0: {Offset: 3, Metadata: "by hand", LeaderEpoch: -1},
		1: {Offset: 1, LeaderEpoch: 0},
	}}
	if _, err := k.admin.AlterConsumerGroupOffsets(group, offsets, nil); err != nil {
		return nil, err
	}
	set := k.committed(group, topic, 2)
	m, err := k.join(ctx, group, topic, nil)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "6", func() bool { return len(m.places()) >= 6 }); err != nil {
		return nil, err
	}
	subscribed := said(k.admin.DeleteConsumerGroupOffset(group, topic, 0))
	m.leave()
	return facts{
		"none": none, "set": set, "resumed": m.places(), "subscribed": subscribed,
		"deleted":      said(k.admin.DeleteConsumerGroupOffset(group, topic, 0)),
		"after":        k.committed(group, topic, 2),
		"unknownGroup": said(k.admin.DeleteConsumerGroupOffset("s-no-such-group", topic, 0)),
	}, nil
}

func (k *kit) groupAdmin(ctx context.Context) (any, error) {
	topic := "s-admin"
	if err := k.filled(ctx, topic, 1, 1); err != nil {
		return nil, err
	}
	listed := func() any {
		groups, err := k.admin.ListConsumerGroups()
		if err != nil {
			return said(err)
		}
		protocol, isThere := groups[topic]
		return fmt.Sprint(protocol, isThere)
	}
	m, err := k.join(ctx, topic, topic, nil)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "1", func() bool { return len(m.places()) >= 1 }); err != nil {
		return nil, err
	}
	outcome := facts{"during": listed(), "notEmpty": said(k.admin.DeleteConsumerGroup(topic))}
	m.leave()
	outcome["deleted"] = said(k.admin.DeleteConsumerGroup(topic))
	outcome["after"] = listed()
	outcome["unknown"] = said(k.admin.DeleteConsumerGroup("s-no-such-group"))
	outcome["describeUnknown"] = k.describe("s-no-such-group")
	return outcome, nil
}
