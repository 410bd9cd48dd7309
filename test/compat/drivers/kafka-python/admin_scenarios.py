"""Admin calls of kafka-python."""

import re

from kafka import TopicPartition
from kafka.admin import ConfigResource, OffsetSpec, OffsetTimestamp
from driver_kit import T0
from kit import outcome_of, plain_value


def scenarios(kit):
    return {
        "cluster": lambda: cluster(kit),
        "topics-create": lambda: create_topics(kit),
        "topics-errors": lambda: topic_errors(kit),
        "topics-delete": lambda: delete_topics(kit),
        "partitions-create": lambda: create_partitions(kit),
        "configs-topic": lambda: topic_configs(kit),
        "configs-broker": lambda: broker_configs(kit),
        "delete-records": lambda: delete_records(kit),
        "offsets": lambda: offsets(kit),
        "log-dirs": lambda: log_dirs(kit),
    }


def cluster(kit):
    described = plain_value(kit.admin.describe_cluster())
    return {
        "id_length": len(described["cluster_id"]),
        "controller": described["controller_id"],
        "brokers": [
            {key: value for key, value in broker.items() if key != "port"}
            for broker in described["brokers"]
        ],
    }


def create(kit, topic, validate_only=False, **options):
    options = {"num_partitions": 1, "replication_factor": 1, **options}

    def work():
        created = kit.admin.create_topics({topic: options}, validate_only=validate_only)
        return [without_ids(one) for one in plain_value(created)["topics"]]

    return outcome_of(work)


def without_ids(topic):
    return {key: "ID" if key == "topic_id" else value for key, value in topic.items()}


def listed(kit, prefix):
    return sorted(name for name in kit.admin.list_topics() if name.startswith(prefix))


def describe(kit, topics):
    described = plain_value(kit.admin.describe_topics(topics))
    return sorted((without_ids(one) for one in described), key=lambda one: one["name"])


def create_topics(kit):
    outcome = {
        "plain": create(kit, "k-plain", num_partitions=3),
        "defaults": create(kit, "k-defaults", num_partitions=-1, replication_factor=-1),
        "validated": create(kit, "k-only-validated", validate_only=True),
        "manual": create(
            kit,
            "k-manual",
            num_partitions=-1,
            replication_factor=-1,
            assignments={0: [1], 1: [1]},
        ),
    }
    names = ["k-plain", "k-defaults", "k-manual"]
    kit.admin.wait_for_topics(names)
    outcome["listed"] = listed(kit, "k-")
    outcome["described"] = describe(kit, names)
    return outcome


def topic_errors(kit):
    create(kit, "k-exists")
    return {
        "exists": create(kit, "k-exists"),
        "invalid_name": create(kit, "k/slash"),
        "too_long": create(kit, "x" * 250),
        "collides_not": create(kit, "k.exists"),
        "collides": create(kit, "k_exists"),
        "zero_partitions": create(kit, "k-zero", num_partitions=0),
        "replication_factor": create(kit, "k-factor", replication_factor=3),
        "unknown_config": create(kit, "k-config", configs={"no.such": "1"}),
        "bad_config": create(kit, "k-config", configs={"retention.ms": "soon"}),
    }


def delete_topics(kit):
    kit.create_topic("k-delete-a")
    kit.create_topic("k-delete-b")

    def delete(name):
        def work():
            deleted = plain_value(kit.admin.delete_topics([name]))
            return [without_ids(one) for one in deleted["topics"]]

        return outcome_of(work)

    before = listed(kit, "k-delete-")
    deleted = delete("k-delete-a")
    return {
        "before": before,
        "deleted": deleted,
        "after": listed(kit, "k-delete-"),
        "unknown": delete("k-delete-a"),
    }


def create_partitions(kit):
    kit.create_topic("k-grow")

    def grow(asked, **more):
        return outcome_of(lambda: kit.admin.create_partitions(asked, **more) and None)

    return {
        "validated": grow({"k-grow": 5}, validate_only=True),
        "grown": grow({"k-grow": 3}),
        "fewer": grow({"k-grow": 2}),
        "same": grow({"k-grow": 3}),
        "unknown": grow({"k-no-such-topic": 3}),
        "manual": grow({"k-grow": {"count": 4, "assignments": [[1]]}}),
        "unknown_broker": grow({"k-grow": {"count": 5, "assignments": [[77]]}}),
    }


def describe_configs(kit, kind, name, wanted=None):
    resource = ConfigResource(kind, name, wanted)
    found = kit.admin.describe_configs([resource], include_synonyms=True, config_filter="all")
    return plain_value(dict(sorted(found[kind][name].items())))


def topic_configs(kit):
    name = "k-topic-configs"
    kit.create_topic(name, 1, {"retention.ms": "1000"})
    wanted = ["retention.ms", "max.message.bytes", "cleanup.policy"]

    def alter(topic, configs, **more):
        resource = ConfigResource("topic", topic, configs)
        return outcome_of(
            lambda: kit.admin.alter_configs([resource], raise_on_unknown=False, **more)
        )

    def plain_describe():
        return describe_configs(kit, "topic", name, wanted)

    outcome = {"all": describe_configs(kit, "topic", name)}
    outcome["altered"] = alter(
        name,
        {
            "max.message.bytes": "5000",
            "cleanup.policy": ("APPEND", "compact"),
            "retention.ms": ("DELETE", None),
        },
    )
    outcome["after"] = plain_describe()
    outcome["not_incremental"] = alter(name, {"retention.ms": "7000"}, incremental=False)
    outcome["after_not_incremental"] = plain_describe()
    outcome["bad"] = alter(name, {"retention.ms": "soon"})
    outcome["unknown"] = alter(name, {"no.such": "1"})
    outcome["unknown_topic"] = alter("k-no-such-topic", {"retention.ms": "1"})
    return outcome


def broker_configs(kit):
    wanted = ["log.retention.ms", "num.network.threads", "message.max.bytes", "node.id"]
    resources = kit.admin.list_config_resources(["BROKER"])
    return {
        "described": describe_configs(kit, "broker", "1", wanted),
        "resources": plain_value(resources),
    }


def ten(kit, topic):
    kit.create_topic(topic)
    kit.send([(topic, 0, None, f"v{i}".encode(), T0 + i * 1000, None) for i in range(10)])


def delete_records(kit):
    topic = "k-delete-records"
    ten(kit, topic)

    def cut(name, partition, offset):
        asked = {TopicPartition(name, partition): offset}
        return outcome_of(lambda: list(kit.admin.delete_records(asked).values()))

    return {
        "cut": cut(topic, 0, 4),
        "earliest": kit.offsets(topic, 1, OffsetSpec.EARLIEST),
        "lower": cut(topic, 0, 2),
        "behind_end": cut(topic, 0, 11),
        "to_end": cut(topic, 0, -1),
        "unknown": cut("k-no-such-topic", 0, 1),
    }


def offsets(kit):
    topic = "k-offsets"
    ten(kit, topic)

    def at(spec):
        return outcome_of(lambda: kit.offsets(topic, 1, spec))

    one = TopicPartition(topic, 0)
    consumer = kit.consumer()
    try:
        ends = [consumer.beginning_offsets([one])[one], consumer.end_offsets([one])[one]]
        for_times = [
            plain_value(consumer.offsets_for_times({one: time})[one])
            for time in (T0 + 2500, T0 + 99_000)
        ]
    finally:
        consumer.close()
    return {
        "latest": at(OffsetSpec.LATEST),
        "earliest": at(OffsetSpec.EARLIEST),
        "max_timestamp": at(OffsetSpec.MAX_TIMESTAMP),
        "exact": at(OffsetTimestamp(T0 + 3000)),
        "between": at(OffsetTimestamp(T0 + 3001)),
        "behind": at(OffsetTimestamp(T0 + 99_000)),
        "ends": ends,
        "for_times": for_times,
        "unknown": outcome_of(lambda: kit.offsets("k-no-such-topic", 1, OffsetSpec.LATEST)),
    }


def log_dirs(kit):
    topic = "k-log-dirs"
    kit.create_topic(topic)
    kit.send([(topic, 0, b"k", b"v", T0, None)])
    described = str(plain_value(kit.admin.describe_log_dirs({topic: [0]})))
    described = re.sub(r"'log_dir': '[^']*'", "'log_dir': DIR", described)
    return re.sub(r"_bytes': \d+", "_bytes': N", described)
