"""Helpers for the scenarios of kafka-python."""

import enum

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from driver_kit import text, until


class Kit:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap, client_id="compat")

    def producer(self, **settings):
        return KafkaProducer(bootstrap_servers=self.bootstrap, **settings)

    def consumer(self, *topics, **settings):
        defaults = {
            "bootstrap_servers": self.bootstrap,
            "client_id": "compat",
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "session_timeout_ms": 6000,
            # It is the rebalance timeout too: how long the group waits for a member that is gone.
            "max_poll_interval_ms": 8000,
            "heartbeat_interval_ms": 200,
            "fetch_max_wait_ms": 50,
        }
        return KafkaConsumer(*topics, **{**defaults, **settings})

    def create_topic(self, topic, partitions=1, configs=None):
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}
        self.admin.create_topics({topic: options}, wait_for_metadata=True)
        # Kafka shows a new topic in its metadata a moment before the partitions take records.
        until(topic, lambda: succeeds(lambda: self.offsets(topic, partitions, OffsetSpec.LATEST)))

    def offsets(self, topic, partitions, spec):
        asked = {TopicPartition(topic, i): spec for i in range(partitions)}
        found = self.admin.list_partition_offsets(asked)
        return [
            f"{place.partition}: {got.offset} t{got.timestamp} epoch {got.leader_epoch}"
            for place, got in sorted(found.items())
        ]

    def send(self, records, **settings):
        """Sends (topic, partition, key, value, timestamp, headers) and gives their places."""
        producer = self.producer(**settings)
        try:
            futures = [
                producer.send(
                    topic,
                    partition=partition,
                    key=key,
                    value=value,
                    timestamp_ms=timestamp,
                    headers=headers or [],
                )
                for topic, partition, key, value, timestamp, headers in records
            ]
            producer.flush(timeout=30)
            metadata = [future.get(timeout=30) for future in futures]
            return [f"{one.partition}@{one.offset}" for one in metadata]
        finally:
            producer.close()

    def fill(self, topic, partitions, per_partition, prefix="v"):
        records = []
        for partition in range(partitions):
            for i in range(per_partition):
                records.append((topic, partition, None, f"{prefix}{i}".encode(), None, None))
        return self.send(records)

    def read(self, topic, partitions, count, offset=0, **settings):
        """Reads the partitions from an offset until there are `count` records."""
        consumer = self.consumer(**settings)
        try:
            places = [TopicPartition(topic, i) for i in range(partitions)]
            consumer.assign(places)
            for one in places:
                consumer.seek(one, offset)
            return poll(consumer, count)
        finally:
            consumer.close()


def poll(consumer, count):
    messages = []

    def enough():
        for records in consumer.poll(timeout_ms=100).values():
            messages.extend(records)
        return len(messages) >= count

    until(f"{count} records", enough, pause=0)
    return sorted(messages, key=lambda message: (message.partition, message.offset))


def place(message):
    return f"{message.partition}@{message.offset}={text(message.value)}"


def plain(message):
    return {
        "place": f"{message.partition}@{message.offset}",
        "key": text(message.key),
        "value": text(message.value),
        "timestamp": [message.timestamp_type, message.timestamp],
        "headers": [[key, text(value)] for key, value in message.headers],
        "leader_epoch": message.leader_epoch,
    }


def succeeds(work):
    try:
        work()
        return True
    except KafkaError:
        return False


def outcome_of(work):
    """The value, or the name of the error."""
    try:
        return {"value": plain_value(work())}
    except KafkaError as error:
        return {"error": type(error).__name__}


def plain_value(value):
    """What the admin client gives, as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain_value(inner) for inner in value]
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
