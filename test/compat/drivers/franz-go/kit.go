package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A fixed moment, so that timestamps in outcomes are the same in every run.
const t0 = 1_700_000_000_000

const scenarioDeadline = 150 * time.Second

type facts map[string]any

type scenario struct {
	name string
	run  func(ctx context.Context) (any, error)
}

type kit struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
}

// runScenarios runs all scenarios, or those named, and prints one JSON line for each.
func runScenarios(scenarios []scenario, names []string) {
	for _, s := range scenarios {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), scenarioDeadline)
		outcome, err := s.run(ctx)
		cancel()
		if err != nil {
			outcome = facts{"failed": err.Error()}
		}
		line, err := json.Marshal(map[string]any{s.name: outcome})
		if err != nil {
			fmt.Fprintln(os.Stderr, s.name, err)
			continue
		}
		fmt.Println(string(line))
	}
}

func newKit(bootstrap string) *kit {
	k := &kit{bootstrap: bootstrap}
	k.client = must(k.newClient())
	k.admin = kadm.NewClient(k.client)
	return k
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (k *kit) newClient(opts ...kgo.Opt) (*kgo.Client, error) {
	defaults := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(k.bootstrap, ",")...),
		kgo.ClientID("compat"),
		kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(20 * time.Millisecond),
	}
	return kgo.NewClient(append(defaults, opts...)...)
}

// until asks again and again until the condition holds.
func until(ctx context.Context, what string, condition func() bool) error {
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not in time", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

func (k *kit) createTopic(ctx context.Context, topic string, partitions int32) error {
	return k.createTopicWith(ctx, topic, partitions, nil)
}

func (k *kit) createTopicWith(
	ctx context.Context, topic string, partitions int32, configs map[string]*string,
) error {
	if _, err := k.admin.CreateTopic(ctx, partitions, 1, configs, topic); err != nil {
		return err
	}
	// Kafka shows a new topic in its metadata a moment before the partitions take records.
	return until(ctx, topic, func() bool {
		listed, err := k.admin.ListEndOffsets(ctx, topic)
		return err == nil && listed.Error() == nil && len(listed[topic]) == int(partitions)
	})
}

func record(topic string, partition int32, at int64, key, value string) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
	r.Timestamp = time.UnixMilli(t0 + at)
	if key != "" {
		r.Key = []byte(key)
	}
	return r
}

// send produces the records, and gives the place or the error of each.
func (k *kit) send(ctx context.Context, records []*kgo.Record, opts ...kgo.Opt) ([]string, error) {
	client, err := k.newClient(opts...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var places []string
	for _, result := range client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			places = append(places, errorName(result.Err))
		} else {
			r := result.Record
			places = append(places, fmt.Sprintf("%d@%d", r.Partition, r.Offset))
		}
	}
	// Produce results come in the order in which batches were answered.
	sort.Strings(places)
	return places, nil
}

func (k *kit) fill(ctx context.Context, topic string, partitions, each int, prefix string) error {
	var records []*kgo.Record
	for partition := range partitions {
		for i := range each {
			value := fmt.Sprintf("%s%d", prefix, i)
			records = append(records, record(topic, int32(partition), int64(i)*1000, "", value))
		}
	}
	_, err := k.send(ctx, records)
	return err
}

// read consumes the topic from the beginning until there are `count` records.
func (k *kit) read(
	ctx context.Context, topic string, count int, opts ...kgo.Opt,
) ([]*kgo.Record, error) {
	start := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	client, err := k.newClient(append([]kgo.Opt{kgo.ConsumeTopics(topic), start}, opts...)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return poll(ctx, client, count)
}

func poll(ctx context.Context, client *kgo.Client, count int) ([]*kgo.Record, error) {
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	sortRecords(records)
	return records, nil
}

func sortRecords(records []*kgo.Record) {
	sort.Slice(records, func(i, j int) bool {
		a, b := records[i], records[j]
		return a.Partition < b.Partition || a.Partition == b.Partition && a.Offset < b.Offset
	})
}

func place(r *kgo.Record) string {
	return fmt.Sprintf("%d@%d=%s", r.Partition, r.Offset, r.Value)
}

func places(records []*kgo.Record) []string {
	found := []string{}
	for _, r := range records {
		found = append(found, place(r))
	}
	return found
}

func plain(r *kgo.Record) facts {
	headers := []string{}
	for _, header := range r.Headers {
		headers = append(headers, header.Key+"="+text(header.Value))
	}
	return facts{
		"place": fmt.Sprintf("%d@%d", r.Partition, r.Offset),
		"key":   text(r.Key), "value": text(r.Value), "headers": headers,
		"timestamp": r.Timestamp.UnixMilli(), "epoch": r.LeaderEpoch,
		"codec": r.Attrs.CompressionType(), "timestampType": r.Attrs.TimestampType(),
	}
}

func text(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return "'" + string(bytes) + "'"
}

func digest(value any) string {
	bytes, isBytes := value.([]byte)
	if !isBytes {
		bytes = must(json.Marshal(value))
	}
	sum := sha256.Sum256(bytes)
	return hex.EncodeToString(sum[:])[:16]
}

func errorName(err error) string {
	if err == nil {
		return "NONE"
	}
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}`)

// ask sends a raw request, and gives the whole answer without what differs from run to run.
func (k *kit) ask(ctx context.Context, request kmsg.Request) any {
	response, err := k.client.Request(ctx, request)
	if err != nil {
		return facts{"error": errorName(err)}
	}
	var answer any
	if err := json.Unmarshal(must(json.Marshal(response)), &answer); err != nil {
		return facts{"error": err.Error()}
	}
	return scrub(answer)
}

func scrub(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for key, inner := range typed {
			typed[key] = scrubField(key, inner)
		}
		delete(typed, "UnknownTags")
	case []any:
		for i, inner := range typed {
			typed[i] = scrub(inner)
		}
		// Kafka gives many of its lists in the order of a hash map.
		sort.SliceStable(typed, func(i, j int) bool {
			return string(must(json.Marshal(typed[i]))) < string(must(json.Marshal(typed[j])))
		})
	case string:
		return uuid.ReplaceAllString(typed, "UUID")
	}
	return value
}

func scrubField(key string, value any) any {
	switch key {
	case "TopicID", "ReplicaDirectoryID":
		isZero := strings.Trim(fmt.Sprint(value), "[0 ]") == ""
		return map[bool]string{true: "zero", false: "ID"}[isZero]
	case "ClusterID":
		return fmt.Sprint(len(fmt.Sprint(value)))
	case "Port", "Dir", "TotalBytes", "UsableBytes", "ProtocolMetadata", "MemberAssignment",
		"LastFetchTimestamp", "LastCaughtUpTimestamp", "HighWatermark", "LogEndOffset",
		"FinalizedFeaturesEpoch":
		return key
	}
	return scrub(value)
}

func pointer[T any](value T) *T { return &value }
