package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member is a group member that polls in a goroutine of its own.
type member struct {
	client  *kgo.Client
	stopped chan struct{}
	cancel  context.CancelFunc

	lock    sync.Mutex
	held    map[int32]bool
	records []*kgo.Record
}

func (k *kit) join(ctx context.Context, group, topic string, opts ...kgo.Opt) (*member, error) {
	m := &member{stopped: make(chan struct{}), held: map[int32]bool{}}
	own := func(holds bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, partition := range topics[topic] {
				if holds {
					m.held[partition] = true
				} else {
					delete(m.held, partition)
				}
			}
		}
	}
	defaults := []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(own(true)), kgo.OnPartitionsRevoked(own(false)),
		kgo.OnPartitionsLost(own(false)), kgo.Balancers(kgo.RangeBalancer()),
		kgo.SessionTimeout(10_000_000_000), kgo.HeartbeatInterval(100_000_000),
	}
	client, err := k.newClient(append(defaults, opts...)...)
	if err != nil {
		return nil, err
	}
	m.client = client
	polling, cancel := context.WithCancel(ctx)
	m.cancel = cancel
	go m.poll(polling)
	return m, nil
}

func (m *member) poll(ctx context.Context) {
	defer close(m.stopped)
	for ctx.Err() == nil {
		fetches := m.client.PollFetches(ctx)
		m.lock.Lock()
		m.records = append(m.records, fetches.Records()...)
		m.lock.Unlock()
	}
}

func (m *member) count() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.records)
}

func (m *member) partitions() []int {
	m.lock.Lock()
	defer m.lock.Unlock()
	held := []int{}
	for partition := range m.held {
		held = append(held, int(partition))
	}
	sort.Ints(held)
	return held
}

func (m *member) places() []string {
	m.lock.Lock()
	defer m.lock.Unlock()
	found := places(m.records)
	sort.Strings(found)
	return found
}

// leave commits what was polled and leaves the group.
func (m *member) leave(ctx context.Context) {
	m.cancel()
	<-m.stopped
	_ = m.client.CommitUncommittedOffsets(ctx)
	m.client.Close()
}

func (k *kit) filled(ctx context.Context, topic string, partitions, each int) error {
	if err := k.createTopic(ctx, topic, int32(partitions)); err != nil {
		return err
	}
	return k.fill(ctx, topic, partitions, each, "v")
}

func (k *kit) describeGroup(ctx context.Context, group string) any {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{group}
	request.IncludeAuthorizedOperations = true
	return k.ask(ctx, request)
}

func (k *kit) committed(ctx context.Context, group string) any {
	request := kmsg.NewPtrOffsetFetchRequest()
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = group
	request.Groups = append(request.Groups, asked)
	response, err := request.RequestWith(ctx, k.client)
	if err != nil {
		return errorName(err)
	}
	lines := []string{fmt.Sprintf("group code %d", response.Groups[0].ErrorCode)}
	for _, topic := range response.Groups[0].Topics {
		for _, p := range topic.Partitions {
			metadata := "null"
			if p.Metadata != nil {
				metadata = uuid.ReplaceAllString(*p.Metadata, "UUID")
			}
			lines = append(lines, fmt.Sprintf("%d: %d epoch %d '%s' code %d", p.Partition, p.Offset,
				p.LeaderEpoch, metadata, p.ErrorCode))
		}
	}
	sort.Strings(lines)
	return lines
}

func (k *kit) groupSingle(ctx context.Context) (any, error) {
	topic := "f-single"
	if err := k.filled(ctx, topic, 4, 5); err != nil {
		return nil, err
	}
	before := k.describeGroup(ctx, topic)
	m, err := k.join(ctx, topic, topic)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "20 records", func() bool { return m.count() >= 20 }); err != nil {
		return nil, err
	}
	outcome := facts{"before": before, "during": k.describeGroup(ctx, topic)}
	outcome["held"] = m.partitions()
	m.leave(ctx)
	outcome["after"] = k.describeGroup(ctx, topic)
	outcome["committed"] = k.committed(ctx, topic)
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

func holdsAll(ctx context.Context, m *member) error {
	return until(ctx, "all", func() bool { return len(m.partitions()) == 4 })
}

// twoMembers of a protocol: the second comes later, and is left with what the first had.
func (k *kit) twoMembers(ctx context.Context, topic string, protocol kgo.Opt) (facts, error) {
	if err := k.filled(ctx, topic, 4, 5); err != nil {
		return nil, err
	}
	first, err := k.join(ctx, topic, topic, protocol)
	if err != nil {
		return nil, err
	}
	if err := holdsAll(ctx, first); err != nil {
		return nil, err
	}
	second, err := k.join(ctx, topic, topic, protocol)
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, first, second); err != nil {
		return nil, err
	}
	together := append(first.partitions(), second.partitions()...)
	sort.Ints(together)
	first.leave(ctx)
	if err := holdsAll(ctx, second); err != nil {
		return nil, err
	}
	if err := k.fill(ctx, topic, 4, 1, "later"); err != nil {
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
	if err := until(ctx, "later records", func() bool { return len(later()) == 4 }); err != nil {
		return nil, err
	}
	second.leave(ctx)
	return facts{"together": together, "later": later()}, nil
}

func (k *kit) twoClassicMembers(
	ctx context.Context, topic string, balancer kgo.GroupBalancer,
) (any, error) {
	outcome, err := k.twoMembers(ctx, topic, kgo.Balancers(balancer))
	if err != nil {
		return nil, err
	}
	outcome["committed"] = k.committed(ctx, topic)
	return outcome, nil
}

func (k *kit) groupTwoMembers(ctx context.Context) (any, error) {
	return k.twoClassicMembers(ctx, "f-two", kgo.RangeBalancer())
}

func (k *kit) groupCooperative(ctx context.Context) (any, error) {
	return k.twoClassicMembers(ctx, "f-cooperative", kgo.CooperativeStickyBalancer())
}

func (k *kit) groupAssignors(ctx context.Context) (any, error) {
	outcome := facts{}
	balancers := []kgo.GroupBalancer{kgo.RangeBalancer(), kgo.RoundRobinBalancer()}
	for _, balancer := range balancers {
		topic := "f-assignor-" + balancer.ProtocolName()
		if err := k.createTopic(ctx, topic, 4); err != nil {
			return nil, err
		}
		first, err := k.join(ctx, topic, topic, kgo.Balancers(balancer))
		if err != nil {
			return nil, err
		}
		second, err := k.join(ctx, topic, topic, kgo.Balancers(balancer))
		if err != nil {
			return nil, err
		}
		if err := shared(ctx, first, second); err != nil {
			return nil, err
		}
		shares := []string{fmt.Sprint(first.partitions()), fmt.Sprint(second.partitions())}
		sort.Strings(shares)
		outcome[balancer.ProtocolName()] = shares
		first.leave(ctx)
		second.leave(ctx)
	}
	return outcome, nil
}

func (k *kit) groupResume(ctx context.Context) (any, error) {
	topic := "f-resume"
	if err := k.createTopic(ctx, topic, 2); err != nil {
		return nil, err
	}
	outcome := facts{}
	for _, round := range []string{"a", "b"} {
		if err := k.fill(ctx, topic, 2, 3, round); err != nil {
			return nil, err
		}
		m, err := k.join(ctx, topic, topic)
		if err != nil {
			return nil, err
		}
		if err := until(ctx, "6 records", func() bool { return m.count() >= 6 }); err != nil {
			return nil, err
		}
		m.leave(ctx)
		outcome[round] = m.places()
	}
	outcome["committed"] = k.committed(ctx, topic)
	return outcome, nil
}

// staticMembers tells whether one that comes back has what it had before.
func (k *kit) staticMembers(
	ctx context.Context, topic string, protocol ...kgo.Opt,
) (bool, error) {
	join := func(instance string) (*member, error) {
		return k.join(ctx, topic, topic, append(protocol, kgo.InstanceID(instance))...)
	}
	if err := k.createTopic(ctx, topic, 4); err != nil {
		return false, err
	}
	one, err := join("one")
	if err != nil {
		return false, err
	}
	two, err := join("two")
	if err != nil {
		return false, err
	}
	if err := shared(ctx, one, two); err != nil {
		return false, err
	}
	before := fmt.Sprint(two.partitions())
	two.leave(ctx)
	again, err := join("two")
	if err != nil {
		return false, err
	}
	if err := shared(ctx, one, again); err != nil {
		return false, err
	}
	same := fmt.Sprint(again.partitions()) == before
	again.leave(ctx)
	one.leave(ctx)
	return same, nil
}

func (k *kit) groupStatic(ctx context.Context) (any, error) {
	topic := "f-static"
	same, err := k.staticMembers(ctx, topic)
	if err != nil {
		return nil, err
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = topic
	for _, instance := range []string{"one", "nobody"} {
		gone := kmsg.NewLeaveGroupRequestMember()
		gone.InstanceID = &instance
		leave.Members = append(leave.Members, gone)
	}
	return facts{
		"same": same, "described": k.describeGroup(ctx, topic), "removed": k.ask(ctx, leave),
	}, nil
}

func (k *kit) groupOffsets(ctx context.Context) (any, error) {
	topic := "f-group-offsets"
	group := "f-offsets"
	if err := k.filled(ctx, topic, 2, 5); err != nil {
		return nil, err
	}
	none := k.committed(ctx, group)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 3, Metadata: "by hand", LeaderEpoch: -1})
	offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 1, LeaderEpoch: 0})
	if err := k.admin.CommitAllOffsets(ctx, group, offsets); err != nil {
		return nil, err
	}
	set := k.committed(ctx, group)
	m, err := k.join(ctx, group, topic)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "6 records", func() bool { return m.count() >= 6 }); err != nil {
		return nil, err
	}
	remove := func(name string, partitions ...int32) any {
		request := kmsg.NewPtrOffsetDeleteRequest()
		request.Group = name
		asked := kmsg.NewOffsetDeleteRequestTopic()
		asked.Topic = topic
		for _, partition := range partitions {
			place := kmsg.NewOffsetDeleteRequestTopicPartition()
			place.Partition = partition
			asked.Partitions = append(asked.Partitions, place)
		}
		request.Topics = append(request.Topics, asked)
		return k.ask(ctx, request)
	}
	subscribed := remove(group, 0)
	m.leave(ctx)
	return facts{
		"none": none, "set": set, "resumed": m.places(), "subscribed": subscribed,
		"removed": remove(group, 0, 7), "after": k.committed(ctx, group),
		"unknownGroup": remove("f-no-such-group", 0),
	}, nil
}

func (k *kit) groupAdmin(ctx context.Context) (any, error) {
	topic := "f-admin"
	if err := k.filled(ctx, topic, 1, 1); err != nil {
		return nil, err
	}
	listed := func(states ...string) any {
		request := kmsg.NewPtrListGroupsRequest()
		request.StatesFilter = states
		response, err := request.RequestWith(ctx, k.client)
		if err != nil {
			return errorName(err)
		}
		for _, group := range response.Groups {
			if group.Group == topic {
				return group
			}
		}
		return fmt.Sprintf("not there, code %d", response.ErrorCode)
	}
	remove := func(names ...string) any {
		request := kmsg.NewPtrDeleteGroupsRequest()
		request.Groups = names
		return k.ask(ctx, request)
	}
	m, err := k.join(ctx, topic, topic)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "a record", func() bool { return m.count() >= 1 }); err != nil {
		return nil, err
	}
	outcome := facts{"stable": listed("Stable"), "empty": listed("Empty"), "notEmpty": remove(topic)}
	m.leave(ctx)
	outcome["after"] = listed()
	outcome["removed"] = remove(topic)
	outcome["afterRemoval"] = listed()
	outcome["unknown"] = remove("f-no-such-group")
	outcome["noName"] = remove("")
	return outcome, nil
}
