"""Helpers for the scenarios of confluent-kafka."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from driver_kit import text, until


QUICK = {"topic.metadata.refresh.fast.interval.ms": 50}


class Kit:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = self.new_admin()

    def new_admin(self):
        return AdminClient({"bootstrap.servers": self.bootstrap, "client.id": "compat"})

    def producer(self, **settings):
        return Producer({"bootstrap.servers": self.bootstrap, **QUICK, **dotted(settings)})

    def consumer(self, **settings):
        defaults = {
            "bootstrap.servers": self.bootstrap,
            "client.id": "compat",
            "group.id": "c-none",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 10000,
            "heartbeat.interval.ms": 200,
            "fetch.wait.max.ms": 50,
            **QUICK,
        }
        if settings.get("group_protocol") == "consumer":
            # In the consumer protocol the broker says how often, and how long.
            del defaults["session.timeout.ms"], defaults["heartbeat.interval.ms"]
        return Consumer({**defaults, **dotted(settings)})

    def create_topic(self, topic, partitions=1, config=None):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config or {})
        self.admin.create_topics([new])[topic].result()
        # Kafka shows a new topic in its metadata a moment before the partitions take records.
        # An admin client that once found no leader would go on so for 30 s: a new one each time.
        latest = OffsetSpec.latest()
        until(
            topic,
            lambda: succeeds(lambda: self.offsets(topic, partitions, latest, self.new_admin())),
        )

    def offsets(self, topic, partitions, spec, admin=None):
        asked = {TopicPartition(topic, i): spec for i in range(partitions)}
        # Not `admin or ...`: a client without messages in its queue is false.
        found = (self.admin if admin is None else admin).list_offsets(asked)
        results = [(place.partition, future.result()) for place, future in found.items()]
        return [f"{i}: {result.offset} t{result.timestamp}" for i, result in sorted(results)]

    def send(self, records, **settings):
        """Sends (topic, partition, key, value, timestamp, headers) and gives places or errors."""
        producer = self.producer(**settings)
        outcomes = [None] * len(records)

        def delivered(index):
            def callback(error, message):
                outcomes[index] = (
                    error.name() if error else f"{message.partition()}@{message.offset()}"
                )

            return callback

        for index, record in enumerate(records):
            topic, partition, key, value, timestamp, headers = record
            producer.produce(
                topic,
                partition=partition,
                key=key,
                value=value,
                timestamp=timestamp,
                headers=headers,
                on_delivery=delivered(index),
            )
        producer.flush(30)
        return outcomes

    def fill(self, topic, partitions, per_partition, prefix="v"):
        records = []
        for partition in range(partitions):
            for i in range(per_partition):
                records.append((topic, partition, None, f"{prefix}{i}", 0, None))
        return self.send(records)

    def read(self, topic, partitions, count, offset=0):
        """Reads the partitions from an offset until there are `count` records."""
        consumer = self.consumer()
        try:
            consumer.assign([TopicPartition(topic, i, offset) for i in range(partitions)])
            return poll(consumer, count)
        finally:
            consumer.close()


def poll(consumer, count):
    messages = []

    def enough():
        message = consumer.poll(0.1)
        if message is not None:
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
        return len(messages) >= count

    until(f"{count} records", enough, pause=0)
    return sorted(messages, key=lambda message: (message.partition(), message.offset()))


def place(message):
    return f"{message.partition()}@{message.offset()}={text(message.value())}"


def plain(message):
    return {
        "place": f"{message.partition()}@{message.offset()}",
        "key": text(message.key()),
        "value": text(message.value()),
        "timestamp": list(message.timestamp()),
        "headers": [[key, text(value)] for key, value in message.headers() or []],
        "leader_epoch": message.leader_epoch(),
    }


def dotted(settings):
    return {name.replace("_", "."): value for name, value in settings.items()}


def succeeds(work):
    try:
        work()
        return True
    except KafkaException:
        return False


def outcome_of(work):
    """The value, or the error's name with the broker's message."""
    try:
        return {"value": work()}
    except KafkaException as error:
        return {"error": f"{error.args[0].name()}: {error.args[0].str()}"}
