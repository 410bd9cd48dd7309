"""Admin calls of confluent-kafka."""

from confluent_kafka import TopicPartition, TopicCollection
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from driver_kit import T0, until
from kit import outcome_of


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
    }


def cluster(kit):
    described = kit.admin.describe_cluster(include_authorized_operations=True).result()
    return {
        "id_length": len(described.cluster_id),
        "controller": described.controller.id,
        "nodes": [[node.id, node.host, node.rack] for node in described.nodes],
        "operations": sorted(operation.name for operation in described.authorized_operations),
    }


def create(kit, topic, partitions=1, factor=1, validate_only=False, **more):
    new = NewTopic(topic, num_partitions=partitions, replication_factor=factor, **more)
    futures = kit.admin.create_topics([new], validate_only=validate_only)
    return outcome_of(lambda: futures[topic].result())


def listed(kit, prefix):
    names = kit.admin.list_topics(timeout=10).topics
    return sorted(name for name in names if name.startswith(prefix))


def describe(kit, topic):
    future = kit.admin.describe_topics(
        TopicCollection([topic]), include_authorized_operations=True
    )[topic]
    described = future.result()
    return {
        "name": described.name,
        "internal": described.is_internal,
        "operations": sorted(operation.name for operation in described.authorized_operations),
        "partitions": [
            [p.id, p.leader.id, [n.id for n in p.replicas], [n.id for n in p.isr]]
            for p in described.partitions
        ],
    }


def create_topics(kit):
    outcome = {
        "plain": create(kit, "c-plain", 3),
        "defaults": create(kit, "c-defaults", -1, -1),
        "configs": create(kit, "c-configs", 2, config={"cleanup.policy": "compact"}),
        "validated": create(kit, "c-only-validated", 2, validate_only=True),
    }
    manual = NewTopic("c-manual", num_partitions=2, replica_assignment=[[1], [1]])
    futures = kit.admin.create_topics([manual])
    outcome["manual"] = outcome_of(lambda: futures["c-manual"].result())
    # A new topic may come a moment later to the metadata than to the controller's answer.
    outcome["listed"] = until(
        "four topics", lambda: len(listed(kit, "c-")) >= 4 and listed(kit, "c-")
    )
    outcome["described"] = [describe(kit, name) for name in ("c-plain", "c-manual")]
    return outcome


def topic_errors(kit):
    create(kit, "c-exists")
    return {
        "exists": create(kit, "c-exists"),
        "invalid_name": create(kit, "c/slash"),
        "too_long": create(kit, "x" * 250),
        "collides": create(kit, "c.exists"),
        "collides_twice": create(kit, "c_exists"),
        "replication_factor": create(kit, "c-factor", 1, 3),
        "unknown_config": create(kit, "c-config", config={"no.such": "1"}),
        "bad_config": create(kit, "c-config", config={"retention.ms": "soon"}),
    }


def delete_topics(kit):
    create(kit, "c-delete-a")
    create(kit, "c-delete-b")
    before = listed(kit, "c-delete-")

    def delete(name):
        return outcome_of(lambda: kit.admin.delete_topics([name])[name].result())

    return {
        "before": before,
        "deleted": delete("c-delete-a"),
        "after": listed(kit, "c-delete-"),
        "unknown": delete("c-delete-a"),
        "describe_unknown": outcome_of(lambda: describe(kit, "c-delete-a")),
    }


def create_partitions(kit):
    create(kit, "c-grow")

    def grow(topic, count, **more):
        new = NewPartitions(topic, count, **more)
        return outcome_of(lambda: kit.admin.create_partitions([new])[topic].result())

    return {
        "grown": grow("c-grow", 3),
        "fewer": grow("c-grow", 2),
        "same": grow("c-grow", 3),
        "unknown": grow("c-no-such-topic", 3),
        "manual": grow("c-grow", 4, replica_assignment=[[1]]),
        "unknown_broker": grow("c-grow", 5, replica_assignment=[[77]]),
        "described": describe(kit, "c-grow"),
    }


def describe_configs(kit, kind, name, wanted=None):
    resource = ConfigResource(kind, name)
    entries = kit.admin.describe_configs([resource])[resource].result()
    return {
        key: [
            entry.value,
            entry.source,
            entry.is_read_only,
            entry.is_default,
            entry.is_sensitive,
            [[s.name, s.value, s.source] for s in entry.synonyms.values()],
        ]
        for key, entry in sorted(entries.items())
        if wanted is None or key in wanted
    }


def topic_configs(kit):
    name = "c-topic-configs"
    create(kit, name, config={"retention.ms": "1000"})
    wanted = ("retention.ms", "max.message.bytes", "cleanup.policy")

    def alter(*entries):
        resource = ConfigResource(
            ResourceType.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=operation)
                for operation, key, value in entries
            ],
        )
        altered = kit.admin.incremental_alter_configs([resource])
        return outcome_of(lambda: altered[resource].result())

    outcome = {"all": describe_configs(kit, ResourceType.TOPIC, name)}
    outcome["altered"] = alter(
        (AlterConfigOpType.SET, "max.message.bytes", "5000"),
        (AlterConfigOpType.APPEND, "cleanup.policy", "compact"),
        (AlterConfigOpType.DELETE, "retention.ms", None),
    )
    outcome["after"] = describe_configs(kit, ResourceType.TOPIC, name, wanted)
    outcome["bad"] = alter((AlterConfigOpType.SET, "retention.ms", "soon"))
    outcome["unknown"] = alter((AlterConfigOpType.SET, "no.such", "1"))
    outcome["unknown_topic"] = outcome_of(
        lambda: describe_configs(kit, ResourceType.TOPIC, "c-no-such-topic")
    )
    return outcome


def broker_configs(kit):
    wanted = ("log.retention.ms", "num.network.threads", "message.max.bytes", "node.id")
    return describe_configs(kit, ResourceType.BROKER, "1", wanted)


def ten(kit, topic):
    kit.create_topic(topic)
    kit.send([(topic, 0, None, f"v{i}", T0 + i * 1000, None) for i in range(10)])


def delete_records(kit):
    topic = "c-delete-records"
    ten(kit, topic)

    def cut(name, partition, offset):
        asked = TopicPartition(name, partition, offset)
        futures = kit.admin.delete_records([asked])
        return outcome_of(lambda: [f.result().low_watermark for f in futures.values()])

    return {
        "cut": cut(topic, 0, 4),
        "earliest": kit.offsets(topic, 1, OffsetSpec.earliest()),
        "lower": cut(topic, 0, 2),
        "behind_end": cut(topic, 0, 11),
        "to_end": cut(topic, 0, -1),
        "unknown": cut("c-no-such-topic", 0, 1),
    }


def offsets(kit):
    topic = "c-offsets"
    ten(kit, topic)

    def at(spec):
        return kit.offsets(topic, 1, spec)

    consumer = kit.consumer()
    try:
        watermarks = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        asked = [TopicPartition(topic, 0, T0 + 2500), TopicPartition(topic, 0, T0 + 99_000)]
        for_times = [consumer.offsets_for_times([one], timeout=10)[0].offset for one in asked]
    finally:
        consumer.close()
    return {
        "latest": at(OffsetSpec.latest()),
        "earliest": at(OffsetSpec.earliest()),
        "max_timestamp": at(OffsetSpec.max_timestamp()),
        "exact": at(OffsetSpec.for_timestamp(T0 + 3000)),
        "between": at(OffsetSpec.for_timestamp(T0 + 3001)),
        "behind": at(OffsetSpec.for_timestamp(T0 + 99_000)),
        "watermarks": watermarks,
        "for_times": for_times,
        "unknown": outcome_of(lambda: kit.offsets("c-no-such-topic", 1, OffsetSpec.latest())),
    }
