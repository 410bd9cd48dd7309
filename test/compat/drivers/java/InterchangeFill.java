package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Fills a broker with one of everything that a data directory can hold. */
final class InterchangeFill {
    private final Clients clients;
    private final Admin admin;
    private final TransactionKit transactions;
    /** Held, so that what they have open stays open until the broker stops. */
    private final List<KafkaProducer<byte[], byte[]>> open = new ArrayList<>();

    InterchangeFill(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
        this.transactions = new TransactionKit(clients);
    }

    Object run() throws Exception {
        topics();
        compacted();
        groups();
        shareGroup();
        settings();
        accessRules();
        manyProducers();
        // Last: what is open holds the last stable offset of its partitions.
        inTransactions();
        return "done";
    }

    private void topics() throws Exception {
        clients.createTopic("i-plain", 3, Map.of("retention.ms", "864000000"));
        fill(clients, "i-plain", 3, 20, "v");
        clients.createTopic("i-segments", 1, Map.of("segment.bytes", "1048576"));
        try (var producer = clients.producer()) {
            for (int i = 0; i < 60; i++) {
                var value = Kit.filled(65_000, i);
                producer.send(new ProducerRecord<>("i-segments", 0, null, value)).get();
            }
        }
        for (var codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            clients.createTopic("i-" + codec, 1);
            var text = "the same words again and again ".repeat(50);
            clients.send(List.of(Clients.record("i-" + codec, 0, now(), "k", text)),
                    "compression.type", codec);
        }
        clients.createTopic("i-appended", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        fill(clients, "i-appended", 1, 5, "v");
        clients.createTopic("i-cut", 1);
        fill(clients, "i-cut", 1, 10, "v");
        admin.deleteRecords(Map.of(new TopicPartition("i-cut", 0),
                RecordsToDelete.beforeOffset(4))).all().get();
        clients.createTopic("i-deleted", 1);
        admin.deleteTopics(List.of("i-deleted")).all().get();
        clients.createTopic("i-empty", 2);
    }

    /** `perPartition` records to each partition, a second apart, too young for retention. */
    static void fill(Clients clients, String topic, int partitions, int perPartition, String prefix)
            throws Exception {
        long start = now() - 100_000;
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int partition = 0; partition < partitions; partition++) {
            for (int i = 0; i < perPartition; i++) {
                records.add(Clients.record(topic, partition, start + i * 1000L, null, prefix + i));
            }
        }
        clients.send(records, "linger.ms", 5000);
    }

    private static long now() {
        return System.currentTimeMillis();
    }

    /** Keys written again and again, tombstones, and time for the cleaner to pass. */
    private void compacted() throws Exception {
        clients.createTopic("i-compacted", 1, Map.of("cleanup.policy", "compact",
                "segment.ms", "200", "min.cleanable.dirty.ratio", "0.01",
                "delete.retention.ms", "3600000"));
        for (int round = 0; round < 4; round++) {
            var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
            for (int key = 0; key < 10; key++) {
                var value = round == 2 && key < 3 ? null : "r" + round + "k" + key;
                if (round == 3 && key < 5) continue;
                records.add(Clients.record("i-compacted", 0, now(), "k" + key, value));
            }
            clients.send(records);
            Thread.sleep(300);
        }
        var sizes = new ArrayList<Integer>();
        Kit.until("compaction, and its end", () -> {
            sizes.add(transactions.readToEnd("i-compacted", "read_uncommitted").size());
            Thread.sleep(1000);
            int count = sizes.size();
            return count > 1 && sizes.get(count - 1) < 35
                    && sizes.get(count - 1).equals(sizes.get(count - 2));
        });
    }

    private void groups() throws Exception {
        for (var protocol : List.of("classic", "consumer")) {
            var group = "i-" + protocol;
            try (var member = new Member(clients, group, "i-plain", "group.protocol", protocol)) {
                Member.pollUntil("records", () -> member.records.size() >= 60, member);
                member.consumer.commitSync();
            }
        }
        // A static member that goes is still in the group.
        var stays = new Member(clients, "i-static", "i-plain", "group.instance.id", "one",
                "session.timeout.ms", 1_000_000);
        Member.pollUntil("records", () -> stays.records.size() >= 60, stays);
        stays.consumer.commitSync();
        stays.close();
        admin.alterConsumerGroupOffsets("i-simple", Map.of(new TopicPartition("i-plain", 1),
                new OffsetAndMetadata(7, "by hand"))).all().get();
        admin.alterConsumerGroupOffsets("i-gone", Map.of(new TopicPartition("i-plain", 1),
                new OffsetAndMetadata(7))).all().get();
        admin.deleteConsumerGroups(List.of("i-gone")).all().get();
    }

    private void shareGroup() throws Exception {
        setConfig(Type.GROUP, "i-share", "share.auto.offset.reset", "earliest");
        share(clients, 20);
    }

    /** A member of the share group reads and acknowledges so many records. */
    static void share(Clients clients, int count) throws Exception {
        var settings = Map.<String, Object>of("bootstrap.servers", clients.bootstrap,
                "group.id", "i-share");
        try (var consumer = new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            consumer.subscribe(List.of("i-plain"));
            var seen = new int[1];
            Kit.until("share records", () -> {
                seen[0] += consumer.poll(java.time.Duration.ofMillis(200)).count();
                return seen[0] >= count;
            });
            consumer.commitSync();
        }
    }

    private void setConfig(Type type, String name, String key, String value) throws Exception {
        var op = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), List.of(op)))
                .all().get();
    }

    private void settings() throws Exception {
        setConfig(Type.BROKER, "", "message.max.bytes", "1500000");
        setConfig(Type.BROKER, "1", "log.cleaner.threads", "2");
        setConfig(Type.GROUP, "i-consumer", "consumer.session.timeout.ms", "50000");
        setConfig(Type.CLIENT_METRICS, "i-metrics", "interval.ms", "60000");
        var quotas = new ArrayList<ClientQuotaAlteration>();
        for (var entity : List.of(Map.of("user", "i-user"),
                Map.of("user", "i-user", "client-id", "i-client"), Map.of("ip", "10.0.0.9"))) {
            var key = entity.containsKey("ip") ? "connection_creation_rate" : "producer_byte_rate";
            quotas.add(new ClientQuotaAlteration(new ClientQuotaEntity(entity),
                    Set.of(new ClientQuotaAlteration.Op(key, 1_000_000.0))));
        }
        var ofAll = new java.util.HashMap<String, String>();
        ofAll.put("client-id", null);
        quotas.add(new ClientQuotaAlteration(new ClientQuotaEntity(ofAll),
                Set.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 5e8))));
        admin.alterClientQuotas(quotas).all().get();
        var info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
        admin.alterUserScramCredentials(List.of(
                new UserScramCredentialUpsertion("i-user", info, "secret"))).all().get();
    }

    private void accessRules() throws Exception {
        admin.createAcls(List.of(new AclBinding(
                new ResourcePattern(ResourceType.TOPIC, "i-", PatternType.PREFIXED),
                new AccessControlEntry("User:i-user", "*", AclOperation.READ,
                        AclPermissionType.ALLOW)))).all().get();
    }

    private void manyProducers() throws Exception {
        clients.createTopic("i-producers", 1);
        for (int i = 0; i < 60; i++) {
            clients.send(List.of(Clients.record("i-producers", 0, now(), null, "p" + i)));
        }
    }

    /** Committed, aborted, and two that stay open: one with records, one with offsets only. */
    private void inTransactions() throws Exception {
        clients.createTopic("i-txn", 2, Map.of("retention.ms", "-1"));
        try (var producer = transactions.producer("i-txn")) {
            for (int i = 0; i < 6; i++) {
                producer.beginTransaction();
                TransactionKit.send(producer, "i-txn", 2, "t" + i);
                producer.sendOffsetsToTransaction(Map.of(new TopicPartition("i-plain", 0),
                        new OffsetAndMetadata(i)),
                        new org.apache.kafka.clients.consumer.ConsumerGroupMetadata("i-txn-group"));
                if (i % 3 == 1) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
        var records = transactions.producer("i-open", "transaction.timeout.ms", 800_000);
        records.beginTransaction();
        TransactionKit.send(records, "i-txn", 2, "open");
        open.add(records);
        var offsets = transactions.producer("i-open-offsets", "transaction.timeout.ms", 800_000);
        offsets.beginTransaction();
        offsets.sendOffsetsToTransaction(Map.of(new TopicPartition("i-plain", 2),
                new OffsetAndMetadata(9)),
                new org.apache.kafka.clients.consumer.ConsumerGroupMetadata("i-pending"));
        open.add(offsets);
    }
}
