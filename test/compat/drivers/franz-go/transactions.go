package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func (k *kit) transactional(id string, opts ...kgo.Opt) (*kgo.Client, error) {
	own := []kgo.Opt{kgo.TransactionalID(id), kgo.TransactionTimeout(time.Minute)}
	return k.newClient(append(own, opts...)...)
}

// writer makes a topic, and a client whose transactional id is the topic's name.
func (k *kit) writer(
	ctx context.Context, topic string, partitions int, opts ...kgo.Opt,
) (*kgo.Client, error) {
	if err := k.createTopic(ctx, topic, int32(partitions)); err != nil {
		return nil, err
	}
	return k.transactional(topic, opts...)
}

// begunWriter is one with a transaction that has a record in each partition.
func (k *kit) begunWriter(
	ctx context.Context, topic string, partitions int, value string, opts ...kgo.Opt,
) (*kgo.Client, error) {
	client, err := k.writer(ctx, topic, partitions, opts...)
	if err != nil {
		return nil, err
	}
	if err := begin(ctx, client, topic, partitions, value); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// begin sends one record to each partition in a new transaction.
func begin(
	ctx context.Context, client *kgo.Client, topic string, partitions int, value string,
) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	for partition := range partitions {
		r := record(topic, int32(partition), 0, "", value)
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// transact sends one record to each partition in a transaction and ends it.
func transact(
	ctx context.Context, client *kgo.Client, topic string, partitions int, value string,
	end kgo.TransactionEndTry,
) error {
	if err := begin(ctx, client, topic, partitions, value); err != nil {
		return err
	}
	return client.EndTransaction(ctx, end)
}

// ends gives the end offsets of the partitions, as `last stable/high watermark`.
func (k *kit) ends(ctx context.Context, topic string, partitions int) ([]string, error) {
	high, err := k.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	stable, err := k.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	found := []string{}
	for partition := range partitions {
		s, _ := stable.Lookup(topic, int32(partition))
		h, _ := high.Lookup(topic, int32(partition))
		found = append(found, fmt.Sprintf("%d/%d", s.Offset, h.Offset))
	}
	return found, nil
}

// settle waits until the markers of all transactions are written: a producer does not.
func (k *kit) settle(ctx context.Context, topic string, partitions int) error {
	return until(ctx, "settled", func() bool {
		ends, err := k.ends(ctx, topic, partitions)
		if err != nil {
			return false
		}
		for _, end := range ends {
			if stable, high, _ := strings.Cut(end, "/"); stable != high {
				return false
			}
		}
		return true
	})
}

func valueOf(r *kgo.Record) string {
	if !r.Attrs.IsControl() {
		return fmt.Sprintf("%d@%d=%s", r.Partition, r.Offset, r.Value)
	}
	var key kmsg.ControlRecordKey
	if err := key.ReadFrom(r.Key); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d@%d %s", r.Partition, r.Offset, key.Type)
}

// view gives all that a reader sees, control records too, up to what is the end for it.
func (k *kit) view(
	ctx context.Context, topic string, partitions int, isCommitted bool,
) ([]string, error) {
	ends, err := k.ends(ctx, topic, partitions)
	if err != nil {
		return nil, err
	}
	level := kgo.ReadUncommitted()
	if isCommitted {
		level = kgo.ReadCommitted()
	}
	client, err := k.newClient(kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(level))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	missing := map[int32]int64{}
	for partition, end := range ends {
		stable, high, _ := strings.Cut(end, "/")
		last := map[bool]string{true: stable, false: high}[isCommitted]
		var offset int64
		if _, err := fmt.Sscan(last, &offset); err != nil {
			return nil, err
		}
		if offset > 0 {
			missing[int32(partition)] = offset - 1
		}
	}
	var records []*kgo.Record
	for len(missing) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, r := range fetches.Records() {
			records = append(records, r)
			if last, isMissing := missing[r.Partition]; isMissing && r.Offset >= last {
				delete(missing, r.Partition)
			}
		}
	}
	sortRecords(records)
	found := []string{}
	for _, r := range records {
		found = append(found, valueOf(r))
	}
	return found, nil
}

func (k *kit) views(ctx context.Context, topic string, partitions int) any {
	committed, err := k.view(ctx, topic, partitions, true)
	if err != nil {
		return err.Error()
	}
	uncommitted, err := k.view(ctx, topic, partitions, false)
	if err != nil {
		return err.Error()
	}
	ends, err := k.ends(ctx, topic, partitions)
	if err != nil {
		return err.Error()
	}
	return facts{"committed": committed, "uncommitted": uncommitted, "ends": ends}
}

func (k *kit) settledViews(ctx context.Context, topic string, partitions int) any {
	if err := k.settle(ctx, topic, partitions); err != nil {
		return err.Error()
	}
	return k.views(ctx, topic, partitions)
}

func (k *kit) txnCommit(ctx context.Context) (any, error) {
	topic := "f-txn-commit"
	client, err := k.begunWriter(ctx, topic, 2, "a")
	if err != nil {
		return nil, err
	}
	defer client.Close()
	outcome := facts{"open": k.views(ctx, topic, 2)}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return nil, err
	}
	outcome["committed"] = k.settledViews(ctx, topic, 2)
	if err := transact(ctx, client, topic, 1, "b", kgo.TryCommit); err != nil {
		return nil, err
	}
	outcome["again"] = k.settledViews(ctx, topic, 2)
	return outcome, nil
}

func (k *kit) txnAbort(ctx context.Context) (any, error) {
	topic := "f-txn-abort"
	client, err := k.writer(ctx, topic, 2)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	outcome := facts{}
	ends := []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort}
	for i, end := range ends {
		if err := transact(ctx, client, topic, 2, fmt.Sprint("t", i), end); err != nil {
			return nil, err
		}
		outcome[fmt.Sprint(i)] = k.settledViews(ctx, topic, 2)
	}
	return outcome, nil
}

func (k *kit) txnFencing(ctx context.Context) (any, error) {
	topic := "f-txn-fencing"
	zombie, err := k.begunWriter(ctx, topic, 1, "zombie")
	if err != nil {
		return nil, err
	}
	defer zombie.Close()
	next, err := k.transactional(topic)
	if err != nil {
		return nil, err
	}
	defer next.Close()
	if err := transact(ctx, next, topic, 1, "next", kgo.TryCommit); err != nil {
		return nil, err
	}
	return facts{
		"commit": errorName(zombie.EndTransaction(ctx, kgo.TryCommit)),
		"views":  k.settledViews(ctx, topic, 1),
	}, nil
}

func (k *kit) txnTimeout(ctx context.Context) (any, error) {
	topic := "f-txn-timeout"
	timeout := kgo.TransactionTimeout(500 * time.Millisecond)
	client, err := k.begunWriter(ctx, topic, 1, "late", timeout)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := k.settle(ctx, topic, 1); err != nil {
		return nil, err
	}
	return facts{
		"commit": errorName(client.EndTransaction(ctx, kgo.TryCommit)),
		"abort":  errorName(client.EndTransaction(ctx, kgo.TryAbort)),
		"next":   errorName(transact(ctx, client, topic, 1, "next", kgo.TryCommit)),
		"views":  k.settledViews(ctx, topic, 1),
	}, nil
}

// txnOffsets copies records with the group session that franz-go has for it.
func (k *kit) txnOffsets(ctx context.Context) (any, error) {
	topic := "f-txn-offsets"
	if err := k.filled(ctx, topic, 2, 3); err != nil {
		return nil, err
	}
	if err := k.createTopic(ctx, topic+"-out", 2); err != nil {
		return nil, err
	}
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(strings.Split(k.bootstrap, ",")...),
		kgo.TransactionalID(topic), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	defer session.Close()
	outcome := facts{}
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := session.Begin(); err != nil {
			return nil, err
		}
		for copied := 0; copied < 6; {
			fetches := session.PollFetches(ctx)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for _, r := range fetches.Records() {
				copied++
				one := record(topic+"-out", r.Partition, 0, "", string(r.Value))
				if err := session.ProduceSync(ctx, one).FirstErr(); err != nil {
					return nil, err
				}
			}
		}
		committed, err := session.End(ctx, end)
		name := map[kgo.TransactionEndTry]string{kgo.TryAbort: "abort", kgo.TryCommit: "commit"}[end]
		outcome[name] = fmt.Sprint(committed, " ", errorName(err))
		if err := k.settle(ctx, topic+"-out", 2); err != nil {
			return nil, err
		}
	}
	view, err := k.view(ctx, topic+"-out", 2, true)
	if err != nil {
		return nil, err
	}
	outcome["count"] = len(view)
	outcome["offsets"] = k.stableOffsets(ctx, topic)
	return outcome, nil
}

// stableOffsets gives what is committed once no transaction holds any of it back.
func (k *kit) stableOffsets(ctx context.Context, group string) any {
	var found any
	err := until(ctx, "offsets", func() bool {
		offsets, err := k.admin.FetchOffsets(ctx, group)
		lines := []string{}
		for _, offset := range offsets.Sorted() {
			lines = append(lines, fmt.Sprintf("%d: %d", offset.Partition, offset.At))
		}
		found = lines
		return err == nil && len(lines) > 0
	})
	if err != nil {
		return err.Error()
	}
	return found
}

// txnAdmin has the raw answers of the APIs that show and end transactions.
func (k *kit) txnAdmin(ctx context.Context) (any, error) {
	topic := "f-txn-admin"
	client, err := k.begunWriter(ctx, topic, 1, "open")
	if err != nil {
		return nil, err
	}
	defer client.Close()
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{topic, "f-no-such-transaction", ""}
	list := kmsg.NewPtrListTransactionsRequest()
	list.StateFilters = []string{"Ongoing", "NoSuchState"}
	producers := kmsg.NewPtrDescribeProducersRequest()
	asked := kmsg.NewDescribeProducersRequestTopic()
	asked.Topic = topic
	asked.Partitions = []int32{0}
	producers.Topics = append(producers.Topics, asked)
	outcome := facts{
		"describe": withoutIDs(k.ask(ctx, describe)), "list": withoutIDs(k.ask(ctx, list)),
		"producers": withoutIDs(k.ask(ctx, producers)),
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.Group = topic, 99, "g"
	outcome["addOffsetsOfAnother"] = k.ask(ctx, add)
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID = "f-no-such-transaction", 99
	outcome["endUnknown"] = k.ask(ctx, end)
	return outcome, client.EndTransaction(ctx, kgo.TryAbort)
}

// withoutIDs takes out what is chance: producer ids and moments.
func withoutIDs(answer any) any {
	switch typed := answer.(type) {
	case map[string]any:
		for key, inner := range typed {
			switch key {
			case "ProducerID", "StartTimestamp", "LastTimestamp", "CoordinatorID":
				typed[key] = key
			case "TransactionStates":
				typed[key] = onlyOwn(inner)
			}
			withoutIDs(inner)
		}
	case []any:
		for _, inner := range typed {
			withoutIDs(inner)
		}
	}
	return answer
}

// onlyOwn leaves out the transactions of other scenarios.
func onlyOwn(states any) any {
	own := []any{}
	list, _ := states.([]any)
	for _, state := range list {
		fields, isMap := state.(map[string]any)
		if !isMap || strings.HasPrefix(fmt.Sprint(fields["TransactionalID"]), "f-txn-admin") ||
			strings.HasPrefix(fmt.Sprint(fields["TransactionalID"]), "f-no-such") ||
			fields["TransactionalID"] == "" {
			own = append(own, state)
		}
	}
	return own
}

// txnOldVersions has transactions with the request versions of older releases.
func (k *kit) txnOldVersions(ctx context.Context) (any, error) {
	releases := map[string]*kversion.Versions{
		"2.1": kversion.V2_1_0(), "2.5": kversion.V2_5_0(), "3.1": kversion.V3_1_0(),
		"3.7": kversion.V3_7_0(), "3.9": kversion.V3_9_0(), "4.0": kversion.V4_0_0(),
	}
	outcome := facts{}
	for release, versions := range releases {
		topic := "f-txn-release-" + release
		client, err := k.writer(ctx, topic, 2, kgo.MaxVersions(versions))
		if err != nil {
			return nil, err
		}
		for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			if err := transact(ctx, client, topic, 2, fmt.Sprint("t", i), end); err != nil {
				return nil, fmt.Errorf("%s: %w", release, err)
			}
		}
		client.Close()
		if err := k.settle(ctx, topic, 2); err != nil {
			return nil, err
		}
		view, err := k.view(ctx, topic, 2, true)
		if err != nil {
			return nil, err
		}
		described, err := k.admin.DescribeTransactions(ctx, topic)
		if err != nil {
			return nil, err
		}
		outcome[release] = facts{
			"view": view, "epoch": described[topic].ProducerEpoch, "state": described[topic].State,
		}
	}
	return outcome, nil
}

func (k *kit) describeNext(ctx context.Context, group string) (kadm.DescribedConsumerGroup, error) {
	described, err := k.admin.DescribeConsumerGroups(ctx, group)
	if err != nil {
		return kadm.DescribedConsumerGroup{}, err
	}
	return described[group], described[group].Err
}
