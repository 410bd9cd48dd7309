package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinNext makes a member of the consumer protocol of KIP-848.
func (k *kit) joinNext(
	ctx context.Context, group, topic string, opts ...kgo.Opt,
) (*member, error) {
	return k.join(ctx, group, topic, append([]kgo.Opt{kgo.ServerSideBalancer()}, opts...)...)
}

func (k *kit) nextSingle(ctx context.Context) (any, error) {
	topic := "f-next-single"
	if err := k.filled(ctx, topic, 4, 5); err != nil {
		return nil, err
	}
	m, err := k.joinNext(ctx, topic, topic)
	if err != nil {
		return nil, err
	}
	if err := until(ctx, "20 records", func() bool { return m.count() >= 20 }); err != nil {
		return nil, err
	}
	described, err := k.describeNext(ctx, topic)
	if err != nil {
		return nil, err
	}
	outcome := facts{
		"state": described.State, "assignor": described.AssignorName,
		"members": len(described.Members), "classic": k.describeGroup(ctx, topic),
	}
	m.leave(ctx)
	outcome["committed"] = k.stableOffsets(ctx, topic)
	list := kmsg.NewPtrListGroupsRequest()
	list.TypesFilter = []string{"consumer"}
	response, err := list.RequestWith(ctx, k.client)
	if err != nil {
		return nil, err
	}
	for _, group := range response.Groups {
		if group.Group == topic {
			outcome["listed"] = fmt.Sprint(group.GroupType, " ", group.ProtocolType, " ", group.GroupState)
		}
	}
	return outcome, nil
}

func (k *kit) nextTwoMembers(ctx context.Context) (any, error) {
	return k.twoMembers(ctx, "f-next-two", kgo.ServerSideBalancer())
}

func (k *kit) nextStatic(ctx context.Context) (any, error) {
	same, err := k.staticMembers(ctx, "f-next-static", kgo.ServerSideBalancer())
	if err != nil {
		return nil, err
	}
	return facts{"same": same}, nil
}

func (k *kit) nextMixed(ctx context.Context) (any, error) {
	topic := "f-next-mixed"
	if err := k.createTopic(ctx, topic, 4); err != nil {
		return nil, err
	}
	sticky := kgo.Balancers(kgo.CooperativeStickyBalancer())
	classic, err := k.join(ctx, topic, topic, sticky)
	if err != nil {
		return nil, err
	}
	if err := holdsAll(ctx, classic); err != nil {
		return nil, err
	}
	next, err := k.joinNext(ctx, topic, topic)
	if err != nil {
		return nil, err
	}
	if err := shared(ctx, classic, next); err != nil {
		return nil, err
	}
	described, err := k.describeNext(ctx, topic)
	if err != nil {
		return nil, err
	}
	outcome := facts{"members": len(described.Members)}
	classic.leave(ctx)
	if err := holdsAll(ctx, next); err != nil {
		return nil, err
	}
	next.leave(ctx)
	return outcome, nil
}

// nextRaw has the raw answers to heartbeats that no client would send.
func (k *kit) nextRaw(ctx context.Context) (any, error) {
	topic := "f-next-raw"
	if err := k.createTopic(ctx, topic, 1); err != nil {
		return nil, err
	}
	beat := func(change func(*kmsg.ConsumerGroupHeartbeatRequest)) any {
		request := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		request.Group, request.MemberID = topic, "member"
		request.RebalanceTimeoutMillis = 10_000
		request.SubscribedTopicNames = []string{topic}
		request.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		change(request)
		return k.ask(ctx, request)
	}
	describe := kmsg.NewPtrConsumerGroupDescribeRequest()
	describe.Groups = []string{"f-next-none", ""}
	type beatRequest = kmsg.ConsumerGroupHeartbeatRequest
	return facts{
		"noGroup":      beat(func(r *beatRequest) { r.Group = "" }),
		"noMember":     beat(func(r *beatRequest) { r.MemberID = "" }),
		"wrongEpoch":   beat(func(r *beatRequest) { r.MemberEpoch = 7 }),
		"negative":     beat(func(r *beatRequest) { r.MemberEpoch = -3 }),
		"noTopics":     beat(func(r *beatRequest) { r.SubscribedTopicNames = nil }),
		"noTimeout":    beat(func(r *beatRequest) { r.RebalanceTimeoutMillis = -1 }),
		"emptyRack":    beat(func(r *beatRequest) { r.RackID = pointer("") }),
		"emptyName":    beat(func(r *beatRequest) { r.InstanceID = pointer("") }),
		"assignor":     beat(func(r *beatRequest) { r.ServerAssignor = pointer("no-such") }),
		"leave":        beat(func(r *beatRequest) { r.MemberEpoch = -1 }),
		"leaveStatic":  beat(func(r *beatRequest) { r.MemberEpoch = -2 }),
		"describeNone": k.ask(ctx, describe),
	}, nil
}
