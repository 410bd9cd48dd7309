"""Produce and fetch with kafka-python."""

from kafka import TopicPartition
from kafka.admin import OffsetSpec
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
    topic = "k-produce"
    kit.create_topic(topic, 2)
    headers = [("h", b"1"), ("empty", b""), ("h", b"again")]
    records = [
        (topic, 0, b"k0", b"v0", T0, headers),
        (topic, 0, None, b"no key", T0 + 1, None),
        (topic, 0, b"tombstone", None, T0 + 2, None),
        (topic, 0, b"", b"", T0 + 3, None),
        (topic, 1, "ключ".encode(), "值 🐦".encode(), T0 + 9, None),
        (topic, 1, b"earlier", b"v", T0 + 5, None),
    ]
    sent = kit.send(records)
    return {"sent": sent, "read": [plain(m) for m in kit.read(topic, 2, len(records))]}


def many(topic, count, partitions):
    return [
        (topic, i % partitions, b"key-%d" % (i % 7), b"value %d " % i * 20, T0 + i, None)
        for i in range(count)
    ]


def codecs(kit):
    outcome = {}
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        topic = f"k-codec-{codec}"
        kit.create_topic(topic)
        sent = kit.send(many(topic, 200, 1), compression_type=codec, linger_ms=50)
        read = [plain(message) for message in kit.read(topic, 1, 200)]
        outcome[str(codec)] = {"last": sent[-1], "count": len(read), "digest": digest(read)}
    return outcome


def large_values(kit):
    topic = "k-large"
    kit.create_topic(topic)
    for size in (100_000, 1_000_000, 1_048_400):
        kit.send([(topic, 0, None, b"x" * size, T0, None)], max_request_size=2_000_000)
    return [f"{m.offset} {len(m.value)} {digest(m.value)}" for m in kit.read(topic, 1, 3)]


def many_partitions(kit):
    topic = "k-many"
    kit.create_topic(topic, 50)
    kit.send(many(topic, 500, 50))
    read = kit.read(topic, 50, 500)
    return {
        "digest": digest([plain(message) for message in read]),
        "ends": kit.offsets(topic, 50, OffsetSpec.LATEST),
    }


def acks(kit):
    topic = "k-acks"
    kit.create_topic(topic)
    outcome = {}
    for level in (1, "all", 0):
        records = [(topic, 0, None, f"acks {level}".encode(), T0, None)]
        settings = {"acks": level, "enable_idempotence": level == "all"}
        outcome[str(level)] = kit.send(records, **settings)
    outcome["read"] = [place(message) for message in kit.read(topic, 1, 3)]
    return outcome


def idempotent(kit):
    topic = "k-idempotent"
    kit.create_topic(topic, 2)
    sent = kit.send(many(topic, 300, 2), enable_idempotence=True, batch_size=1000)
    read = [plain(message) for message in kit.read(topic, 2, 300)]
    return {"sent": digest(sent), "read": digest(read)}


def fetch_from(kit):
    topic = "k-fetch-from"
    kit.create_topic(topic)
    kit.fill(topic, 1, 10)
    one = TopicPartition(topic, 0)
    consumer = kit.consumer()
    try:
        consumer.assign([one])
        consumer.seek_to_end(one)
        end = consumer.position(one)
        kit.fill(topic, 1, 1, "new")
        new = [place(message) for message in poll(consumer, 1)]
        highwater = consumer.highwater(one)
    finally:
        consumer.close()
    committed = kit.read(topic, 1, 11, 0, isolation_level="read_committed")
    return {
        "five": [place(message) for message in kit.read(topic, 1, 6, 5)],
        "end": end,
        "new": new,
        "highwater": highwater,
        "read_committed": len(committed),
    }


def out_of_range(kit):
    topic = "k-out-of-range"
    kit.create_topic(topic)
    kit.fill(topic, 1, 10)
    return {
        policy: outcome_of(
            lambda: place(kit.read(topic, 1, 1, 1000, auto_offset_reset=policy)[0])
        )
        for policy in ("none", "earliest")
    }


def record_too_large(kit):
    topic = "k-too-large"
    kit.create_topic(topic)
    kit.create_topic("k-small", 1, {"max.message.bytes": "1000"})

    def send(name, size, **settings):
        record = (name, 0, None, b"x" * size, T0, None)
        return outcome_of(lambda: kit.send([record], max_request_size=10_000_000, **settings))

    return {
        "over": send(topic, 2_000_000),
        "compressed": send(topic, 2_000_000, compression_type="gzip"),
        "over_of_topic": send("k-small", 1000),
        "under_of_topic": send("k-small", 900),
    }


def unknown_topic(kit):
    def subscribe():
        consumer = kit.consumer("k-no-such-topic", allow_auto_create_topics=False, group_id="k-bad")
        try:
            return len(consumer.poll(timeout_ms=500))
        finally:
            consumer.close()

    def partitions():
        consumer = kit.consumer(allow_auto_create_topics=False)
        try:
            return sorted(consumer.partitions_for_topic("k-no-such-topic") or [])
        finally:
            consumer.close()

    return {
        "partitions": outcome_of(partitions),
        "subscribe": outcome_of(subscribe),
        "describe_bad_name": outcome_of(
            lambda: kit.admin.describe_topics(["k/slash"])[0]["error_code"]
        ),
    }


def auto_create(kit):
    sent = kit.send([("k-auto", 0, None, b"first", T0, None)])
    until("the topic", lambda: "k-auto" in kit.admin.list_topics())
    return {"sent": sent, "read": [place(message) for message in kit.read("k-auto", 1, 1)]}
