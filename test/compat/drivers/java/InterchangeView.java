package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/** Everything of InterchangeFill that can be seen from outside, to compare it elsewhere. */
final class InterchangeView {
    private final Clients clients;
    private final Admin admin;
    private final TransactionKit transactions;

    InterchangeView(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
        this.transactions = new TransactionKit(clients);
    }

    private List<String> topicNames() throws Exception {
        return admin.listTopics().names().get().stream()
                .filter(name -> name.startsWith("i-")).sorted().toList();
    }

    /** The topics with their ids, configs and partitions. */
    Object topics() throws Exception {
        var outcome = facts();
        var described = admin.describeTopics(topicNames()).allTopicNames().get();
        for (var name : topicNames()) {
            var found = described.get(name);
            outcome.put(name, facts("id", found.topicId().toString(),
                    "partitions", found.partitions().size(),
                    "leaders", found.partitions().stream().map(one -> one.leader().id()).toList(),
                    "configs", configs(Type.TOPIC, name)));
        }
        return outcome;
    }

    /** What is set there, and not what everybody has. */
    private Object configs(Type type, String name) throws Exception {
        var resource = new ConfigResource(type, name);
        var found = new TreeMap<String, String>();
        for (var entry : admin.describeConfigs(List.of(resource)).all().get().get(resource)
                .entries()) {
            var isSet = switch (entry.source()) {
                case DYNAMIC_TOPIC_CONFIG, DYNAMIC_BROKER_CONFIG, DYNAMIC_DEFAULT_BROKER_CONFIG,
                    DYNAMIC_GROUP_CONFIG, DYNAMIC_CLIENT_METRICS_CONFIG -> true;
                default -> false;
            };
            if (isSet) found.put(entry.name(), plain(entry));
        }
        return found;
    }

    private static String plain(ConfigEntry entry) {
        return entry.value() + " " + entry.source();
    }

    private static List<Object> plain(ConsumerRecord<byte[], byte[]> record) throws Exception {
        return java.util.Arrays.asList(record.partition(), record.offset(),
                String.valueOf(record.timestampType()), record.timestamp(),
                Kit.text(record.key()), record.value() == null ? null : Kit.digest(record.value()));
    }

    /** All records of all topics, for readers of both kinds, and the offsets of every partition. */
    Object records() throws Exception {
        var outcome = facts();
        for (var name : topicNames()) {
            var seen = facts("ends", transactions.ends(name), "starts", starts(name));
            for (var isolation : List.of("read_committed", "read_uncommitted")) {
                var all = new ArrayList<Object>();
                for (var record : transactions.readToEnd(name, isolation)) all.add(plain(record));
                seen.put(isolation, all.size() + " " + Kit.digest(all));
            }
            outcome.put(name, seen);
        }
        return outcome;
    }

    private List<String> starts(String topic) throws Exception {
        var first = new HashMap<TopicPartition, OffsetSpec>();
        var byTime = new HashMap<TopicPartition, OffsetSpec>();
        var largest = new HashMap<TopicPartition, OffsetSpec>();
        var partitions = clients.partitionsOf(topic);
        for (var place : partitions) {
            first.put(place, OffsetSpec.earliest());
            largest.put(place, OffsetSpec.maxTimestamp());
        }
        var firsts = admin.listOffsets(first).all().get();
        var maxima = admin.listOffsets(largest).all().get();
        for (var place : partitions) {
            var time = Math.max(0, maxima.get(place).timestamp() - 3000);
            byTime.put(place, OffsetSpec.forTimestamp(time));
        }
        var times = admin.listOffsets(byTime).all().get();
        return partitions.stream().map(place -> firsts.get(place).offset() + " "
                + times.get(place).offset() + "@" + times.get(place).timestamp() + " max "
                + maxima.get(place).offset() + "@" + maxima.get(place).timestamp()).toList();
    }

    /** What every partition knows of its producers. */
    Object producers() throws Exception {
        var outcome = facts();
        for (var name : topicNames()) {
            var states = new ArrayList<String>();
            for (var place : clients.partitionsOf(name)) {
                for (var state : transactions.producersOf(name, place.partition())) {
                    states.add(place.partition() + " " + state.producerId() + " "
                            + state.producerEpoch() + " " + state.lastSequence() + " "
                            + state.coordinatorEpoch() + " "
                            + state.currentTransactionStartOffset());
                }
            }
            states.sort(null);
            outcome.put(name, states.size() > 10 ? Kit.digest(states) : states);
        }
        return outcome;
    }

    private Map<String, GroupType> groupTypes() throws Exception {
        var types = new TreeMap<String, GroupType>();
        for (var group : admin.listGroups().all().get()) {
            if (group.groupId().startsWith("i-")) {
                types.put(group.groupId(), group.type().orElse(GroupType.UNKNOWN));
            }
        }
        return types;
    }

    /** Groups with their type, their state, their members and their offsets. */
    Object groups() throws Exception {
        var outcome = facts();
        for (var entry : groupTypes().entrySet()) {
            var type = entry.getValue();
            if (type == GroupType.SHARE || type == GroupType.STREAMS) continue;
            var group = entry.getKey();
            var found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            outcome.put(group, facts("type", type.toString(),
                    "state", found.groupState().toString(),
                    "assignor", found.partitionAssignor(),
                    "members", found.members().stream()
                            .map(one -> one.groupInstanceId() + " " + one.clientId() + " "
                                    + one.consumerId() + " "
                                    + Member.numbers(one.assignment().topicPartitions()))
                            .sorted().toList(),
                    "offsets", transactions.committed(group, false)));
        }
        return outcome;
    }

    private List<String> groupsOf(GroupType type) throws Exception {
        return groupTypes().entrySet().stream().filter(entry -> entry.getValue() == type)
                .map(Map.Entry::getKey).toList();
    }

    Object share() throws Exception {
        var offsets = new TreeMap<String, Object>();
        for (var group : groupsOf(GroupType.SHARE)) {
            var spec = new org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec();
            offsets.put(group, outcomeOf(() -> admin.listShareGroupOffsets(Map.of(group, spec))
                    .partitionsToOffsetInfo(group).get().entrySet().stream()
                    .map(String::valueOf)
                    .sorted().toList()));
            var described = admin.describeShareGroups(List.of(group)).all().get().get(group);
            offsets.put(group + " state", described.groupState() + " "
                    + described.members().size());
        }
        return facts("offsets", offsets, "configs", configs(Type.GROUP, "i-share"));
    }

    Object streams() throws Exception {
        var groups = new TreeMap<String, Object>();
        for (var group : groupsOf(GroupType.STREAMS)) {
            var spec = new org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec();
            var found = admin.listStreamsGroupOffsets(Map.of(group, spec));
            groups.put(group, outcomeOf(() -> found.partitionsToOffsetAndMetadata(group).get()
                    .entrySet().stream()
                    .map(entry -> entry.getKey() + " " + entry.getValue().offset())
                    .sorted().toList()));
            var described = admin.describeStreamsGroups(List.of(group)).all().get().get(group);
            groups.put(group + " state", facts("state", described.groupState().toString(),
                    "epochs", List.of(described.groupEpoch(), described.targetAssignmentEpoch(),
                            described.topologyEpoch()),
                    "topology", described.subtopologies().toString(),
                    "members", described.members().size()));
        }
        return groups;
    }

    Object transactions() throws Exception {
        var outcome = facts();
        for (var id : List.of("i-txn", "i-open", "i-open-offsets")) {
            outcome.put(id, transactions.described(id));
        }
        return outcome;
    }

    Object settings() throws Exception {
        var quotas = admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get();
        var scram = admin.describeUserScramCredentials().all().get();
        return facts("everyBroker", configs(Type.BROKER, ""), "broker", configs(Type.BROKER, "1"),
                "group", configs(Type.GROUP, "i-consumer"),
                "metrics", configs(Type.CLIENT_METRICS, "i-metrics"),
                "quotas", quotas.entrySet().stream().map(String::valueOf).sorted().toList(),
                "scram", scram.values().stream().map(String::valueOf).sorted().toList());
    }

    /** Described only where an authorizer is set. */
    Object accessRules() throws Exception {
        return outcomeOf(() -> admin.describeAcls(AclBindingFilter.ANY).values().get().stream()
                .map(String::valueOf).sorted().toList());
    }

    Object features() throws Exception {
        var found = admin.describeFeatures().featureMetadata().get().finalizedFeatures();
        return new TreeMap<>(Map.copyOf(found)).entrySet().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue().maxVersionLevel()).toList();
    }
}
