"""Share groups with confluent-kafka (KIP-932)."""

import time

from confluent_kafka import AcknowledgeType, ShareConsumer
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from driver_kit import text, until


def scenarios(kit):
    return {
        "share-implicit": lambda: implicit(kit),
        "share-explicit": lambda: explicit(kit),
        "share-lock-timeout": lambda: lock_timeout(kit),
        "share-left-behind": lambda: left_behind(kit),
    }


def earliest(kit, group, **configs):
    values = {"share.auto.offset.reset": "earliest"}
    values.update({name.replace("_", "."): value for name, value in configs.items()})
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.GROUP, group, incremental_configs=entries)
    for future in kit.admin.incremental_alter_configs([resource]).values():
        future.result()
    # A broker of Kafka hears of it a little after the answer.
    time.sleep(0.3)


def sharer(kit, group, topic, mode="implicit"):
    consumer = ShareConsumer(
        {
            "bootstrap.servers": kit.bootstrap,
            "group.id": group,
            "share.acknowledgement.mode": mode,
        }
    )
    consumer.subscribe([topic])
    return consumer


def shortly(message):
    place = f"{message.partition()}@{message.offset()}={text(message.value())}"
    return f"{place} #{message.delivery_count()}"


def some(consumer):
    """Polls until something comes."""
    found = []

    def comes():
        found.extend(m for m in consumer.poll(0.2) if m.error() is None)
        return len(found) > 0

    until("records", comes, pause=0)
    return sorted(found, key=lambda m: (m.partition(), m.offset()))


def take(consumer, count):
    found = []
    while len(found) < count:
        found += some(consumer)
        consumer.commit_sync()
    return [shortly(m) for m in sorted(found, key=lambda m: (m.partition(), m.offset()))]


def listen(consumer, seconds):
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found += [shortly(m) for m in consumer.poll(0.1) if m.error() is None]
    return found


def committed(consumer):
    outcome = consumer.commit_sync()
    return {
        f"{place.topic}-{place.partition}": "fine" if error is None else error.args[0].name()
        for place, error in outcome.items()
    }


def implicit(kit):
    topic = "c-share-implicit"
    kit.create_topic(topic, 2)
    kit.fill(topic, 2, 5)
    earliest(kit, topic)
    consumer = sharer(kit, topic, topic)
    first = take(consumer, 10)
    consumer.close()
    consumer = sharer(kit, topic, topic)
    kit.fill(topic, 1, 2, "w")
    second = take(consumer, 2)
    nothing = listen(consumer, 0.5)
    consumer.close()
    return {"first": first, "second": second, "nothing": nothing}


def explicit(kit):
    topic = "c-share-explicit"
    kit.create_topic(topic)
    kit.fill(topic, 1, 9)
    earliest(kit, topic)
    consumer = sharer(kit, topic, topic, "explicit")
    types = [AcknowledgeType.ACCEPT, AcknowledgeType.RELEASE, AcknowledgeType.REJECT]
    first = some(consumer)
    for index, message in enumerate(first):
        consumer.acknowledge(message, types[index % 3])
    told = committed(consumer)
    again = some(consumer)
    for message in again:
        consumer.acknowledge(message)
    told_again = committed(consumer)
    nothing = listen(consumer, 0.5)
    consumer.close()
    return {
        "first": [shortly(m) for m in first],
        "committed": told,
        "again": [shortly(m) for m in again],
        "committed again": told_again,
        "nothing": nothing,
    }


def lock_timeout(kit):
    topic = "c-share-lock"
    kit.create_topic(topic)
    kit.fill(topic, 1, 4)
    earliest(kit, topic, share_record_lock_duration_ms="1000")
    slow = sharer(kit, topic, topic, "explicit")
    first = some(slow)
    quick = sharer(kit, topic, topic, "explicit")
    second = some(quick)
    for message in first:
        slow.acknowledge(message)
    late = committed(slow)
    for message in second:
        quick.acknowledge(message)
    in_time = committed(quick)
    slow.close()
    quick.close()
    return {
        "slow": [shortly(m) for m in first],
        "quick": [shortly(m) for m in second],
        "too late": late,
        "in time": in_time,
    }


def left_behind(kit):
    topic = "c-share-left"
    kit.create_topic(topic)
    kit.fill(topic, 1, 6)
    earliest(kit, topic)
    consumer = sharer(kit, topic, topic, "explicit")
    first = some(consumer)
    for message in first[:2]:
        consumer.acknowledge(message)
    for message in first[2:]:
        consumer.acknowledge(message, AcknowledgeType.RELEASE)
    consumer.close()
    other = sharer(kit, topic, topic)
    second = take(other, 4)
    other.close()
    return {"first": [shortly(m) for m in first], "second": second}
