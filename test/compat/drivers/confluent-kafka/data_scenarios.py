"""Produce and fetch with confluent-kafka."""

from confluent_kafka import KafkaException, TopicPartition, OFFSET_END
from confluent_kafka.admin import OffsetSpec
from driver_kit import T0, digest, until
from kit import outcome_of, place, plain, poll


def scenarios(kit):
    return {
        "produce-consume": lambda: produce_consume(kit),
        "codecs": lambda: codecs(kit),
        "large-values": lambda: large_values(kit),
        "many-partitions": lambda: many_partitions(kit),
        "acks": lambda: acks(kit),
        "idempotent": lambda: idempotent(kit),
        "fetch-from": lambda: fetch_from(kit),
        "out-of-range": lambda: out_of_range(kit),
        "record-too-large": lambda: record_too_large(kit),
        "unknown-topic": lambda: unknown_topic(kit),
        "auto-create": lambda: auto_create(kit),
    }


def produce_consume(kit):
    topic = "c-produce"
    kit.create_topic(topic, 2)
    headers = [("h", b"1"), ("null", None), ("empty", b""), ("h", b"again")]
    records = [
        (topic, 0, "k0", "v0", T0, headers),
        (topic, 0, None, "no key", T0 + 1, None),
        (topic, 0, "tombstone", None, T0 + 2, None),
        (topic, 0, "", "", T0 + 3, None),
        (topic, 1, "ключ", "值 🐦", T0 + 9, None),
        (topic, 1, "earlier", "v", T0 + 5, None),
        (topic, 1, None, None, T0 + 6, None),
    ]
    sent = kit.send(records)
    return {"sent": sent, "read": [plain(m) for m in kit.read(topic, 2, len(records))]}


def many(topic, count, partitions):
    return [
        (topic, i % partitions, f"key-{i % 7}", f"value {i} " * 20, T0 + i, None)
        for i in range(count)
    ]


def codecs(kit):
    outcome = {}
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = f"c-codec-{codec}"
        kit.create_topic(topic)
        sent = kit.send(many(topic, 200, 1), compression_type=codec, linger_ms=50)
        read = [plain(message) for message in kit.read(topic, 1, 200)]
        outcome[codec] = {"last": sent[-1], "count": len(read), "digest": digest(read)}
    return outcome


def large_values(kit):
    topic = "c-large"
    kit.create_topic(topic)
    for size in (100_000, 1_000_000, 1_048_400):
        kit.send([(topic, 0, None, b"x" * size, T0, None)], message_max_bytes=2_000_000)
    return [f"{m.offset()} {len(m.value())} {digest(m.value())}" for m in kit.read(topic, 1, 3)]


def many_partitions(kit):
    topic = "c-many"
    kit.create_topic(topic, 50)
    kit.send(many(topic, 500, 50))
    read = kit.read(topic, 50, 500)
    return {
        "digest": digest([plain(message) for message in read]),
        "ends": kit.offsets(topic, 50, OffsetSpec.latest()),
    }


def acks(kit):
    topic = "c-acks"
    kit.create_topic(topic)
    outcome = {
        level: kit.send([(topic, 0, None, f"acks {level}", T0, None)], acks=level)
        for level in ("1", "all", "0")
    }
    outcome["read"] = [place(message) for message in kit.read(topic, 1, 3)]
    return outcome


def idempotent(kit):
    topic = "c-idempotent"
    kit.create_topic(topic, 2)
    sent = kit.send(many(topic, 300, 2), enable_idempotence=True, batch_num_messages=10)
    read = [plain(message) for message in kit.read(topic, 2, 300)]
    return {"sent": digest(sent), "read": digest(read)}


def fetch_from(kit):
    topic = "c-fetch-from"
    kit.create_topic(topic)
    kit.fill(topic, 1, 10)
    consumer = kit.consumer()
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
        until("the end", lambda: consumer.poll(0.05) is None)
        kit.fill(topic, 1, 1, "new")
        consumer.seek(TopicPartition(topic, 0, 8))
        after_seek = [place(message) for message in poll(consumer, 3)]
    finally:
        consumer.close()
    return {
        "five": [place(message) for message in kit.read(topic, 1, 6, 5)],
        "after_seek": after_seek,
    }


def out_of_range(kit):
    topic = "c-out-of-range"
    kit.create_topic(topic)
    kit.fill(topic, 1, 10)

    def read(policy):
        consumer = kit.consumer(auto_offset_reset=policy)
        try:
            consumer.assign([TopicPartition(topic, 0, 1000)])
            return place(poll(consumer, 1)[0])
        finally:
            consumer.close()

    def error():
        try:
            return read("error")
        except KafkaException as error:
            return error.args[0].name()

    return {"error": error(), "earliest": read("earliest")}


def record_too_large(kit):
    topic = "c-too-large"
    kit.create_topic(topic)
    kit.create_topic("c-small", 1, {"max.message.bytes": "1000"})

    def send(name, size, **settings):
        record = (name, 0, None, b"x" * size, T0, None)
        return kit.send([record], message_max_bytes=10_000_000, **settings)

    return {
        "over": send(topic, 2_000_000),
        "compressed": send(topic, 2_000_000, compression_type="gzip"),
        "over_of_topic": send("c-small", 1000),
        "under_of_topic": send("c-small", 900),
    }


def unknown_topic(kit):
    kit.create_topic("c-one-partition")
    settings = {"allow_auto_create_topics": False, "message_timeout_ms": 3000}
    record = ("c-no-such-topic", -1, None, b"v", T0, None)
    metadata = kit.admin.list_topics("c/slash", timeout=10).topics["c/slash"]
    return {
        "produce": kit.send([record], **settings),
        "unknown_partition": outcome_of(
            lambda: kit.send([("c-one-partition", 5, None, b"v", T0, None)], **settings)
        ),
        "bad_name": metadata.error.name(),
    }


def auto_create(kit):
    sent = kit.send([("c-auto", 0, None, "first", T0, None)])
    return {"sent": sent, "read": [place(message) for message in kit.read("c-auto", 1, 1)]}
