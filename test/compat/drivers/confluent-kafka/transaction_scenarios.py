"""Transactions with confluent-kafka: what readers see, offsets in them, fencing, time-outs."""

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec
from driver_kit import digest, until
from group_scenarios import Member, committed, poll_until
from kit import place


def scenarios(kit):
    return {
        "txn-commit": lambda: commit(kit),
        "txn-abort": lambda: abort(kit),
        "txn-offsets": lambda: offsets(kit),
        "txn-fencing": lambda: fencing(kit),
        "txn-timeout": lambda: timeout(kit),
        "txn-many": lambda: many(kit),
    }


def transactional(kit, name, **settings):
    """A producer that has its transactional id."""
    producer = kit.producer(transactional_id=name, linger_ms=0, **settings)
    producer.init_transactions(30)
    return producer


def send(producer, topic, partitions, value):
    for partition in range(partitions):
        producer.produce(topic, partition=partition, value=value)
    producer.flush(30)


def ends(kit, topic, partitions):
    """The end offsets of the partitions, as `last stable/high watermark`."""
    asked = {TopicPartition(topic, i): OffsetSpec.latest() for i in range(partitions)}

    def end_offsets(isolation):
        found = kit.admin.list_offsets(asked, isolation_level=isolation)
        results = {p.partition: future.result().offset for p, future in found.items()}
        return [results[i] for i in range(partitions)]

    stable = end_offsets(IsolationLevel.READ_COMMITTED)
    high = end_offsets(IsolationLevel.READ_UNCOMMITTED)
    return [f"{low}/{top}" for low, top in zip(stable, high)]


def settle(kit, topic, partitions):
    """A producer does not wait until the markers of its transaction are written."""

    def is_settled():
        return all(end.split("/")[0] == end.split("/")[1] for end in ends(kit, topic, partitions))

    until(f"{topic} is settled", is_settled)


def view(kit, topic, partitions, isolation):
    settings = {"isolation_level": isolation, "enable_partition_eof": True}
    consumer = kit.consumer(**settings)
    messages = []
    done = set()

    def read():
        message = consumer.poll(0.1)
        if message is None:
            return False
        if message.error() is None:
            messages.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            done.add(message.partition())
        else:
            raise KafkaException(message.error())
        return len(done) == partitions

    try:
        consumer.assign([TopicPartition(topic, i, 0) for i in range(partitions)])
        until(f"{topic} is read", read, pause=0)
    finally:
        consumer.close()
    messages.sort(key=lambda message: (message.partition(), message.offset()))
    return [place(message) for message in messages]


def views(kit, topic, partitions):
    return {
        "committed": view(kit, topic, partitions, "read_committed"),
        "uncommitted": view(kit, topic, partitions, "read_uncommitted"),
        "ends": ends(kit, topic, partitions),
    }


def settled_views(kit, topic, partitions):
    settle(kit, topic, partitions)
    return views(kit, topic, partitions)


def outcome_of(work):
    """The value, or the error's name and what the producer may do about it."""
    try:
        return {"value": work()}
    except KafkaException as error:
        cause = error.args[0]
        return {
            "error": cause.name(),
            "fatal": cause.fatal(),
            "abortable": cause.txn_requires_abort(),
            "retriable": cause.retriable(),
        }


def commit(kit):
    topic = "c-txn-commit"
    kit.create_topic(topic, 2)
    producer = transactional(kit, topic)
    producer.begin_transaction()
    send(producer, topic, 2, "a")
    opened = views(kit, topic, 2)
    producer.commit_transaction(30)
    after = settled_views(kit, topic, 2)
    producer.begin_transaction()
    send(producer, topic, 2, "b")
    kit.fill(topic, 2, 1, "beside")
    second = views(kit, topic, 2)
    producer.commit_transaction(30)
    return {
        "open": opened,
        "after": after,
        "second": second,
        "second_after": settled_views(kit, topic, 2),
    }


def abort(kit):
    topic = "c-txn-abort"
    kit.create_topic(topic, 2)
    producer = transactional(kit, topic)
    producer.begin_transaction()
    send(producer, topic, 2, "dropped")
    producer.abort_transaction(30)
    aborted = settled_views(kit, topic, 2)
    producer.begin_transaction()
    send(producer, topic, 2, "kept")
    producer.commit_transaction(30)
    kept = settled_views(kit, topic, 2)
    producer.begin_transaction()
    send(producer, topic, 1, "left open")
    left = views(kit, topic, 2)
    transactional(kit, topic)
    return {
        "aborted": aborted,
        "kept": kept,
        "left": left,
        "aborted_by_the_next": settled_views(kit, topic, 2),
    }


def offsets(kit):
    topic = "c-txn-offsets"
    out = f"{topic}-out"
    kit.create_topic(topic, 2)
    kit.create_topic(out)
    kit.fill(topic, 2, 3)
    producer = transactional(kit, topic)
    member = Member(kit, topic, topic)
    poll_until("6 records", lambda: len(member.messages) >= 6, member)
    metadata = member.consumer.consumer_group_metadata()
    positions = member.consumer.position(member.consumer.assignment())

    def copy(value):
        producer.begin_transaction()
        send(producer, out, 1, value)
        producer.send_offsets_to_transaction(positions, metadata, 30)

    copy("copied")
    pending = committed(kit, topic)
    producer.abort_transaction(30)
    settle(kit, out, 1)
    aborted = committed(kit, topic)
    copy("copied again")
    producer.commit_transaction(30)
    settle(kit, out, 1)
    until("the offsets", lambda: committed(kit, topic))
    member.close()
    return {
        "pending": pending,
        "aborted": aborted,
        "committed": committed(kit, topic),
        "out": views(kit, out, 1),
    }


def fencing(kit):
    topic = "c-txn-fencing"
    kit.create_topic(topic)
    zombie = transactional(kit, topic)
    zombie.begin_transaction()
    send(zombie, topic, 1, "zombie")
    following = transactional(kit, topic)
    fenced = outcome_of(lambda: zombie.commit_transaction(30))
    following.begin_transaction()
    send(following, topic, 1, "next")
    following.commit_transaction(30)
    return {"fenced": fenced, "after": settled_views(kit, topic, 1)}


def timeout(kit):
    topic = "c-txn-timeout"
    kit.create_topic(topic)
    producer = transactional(
        kit, topic, transaction_timeout_ms=1000, delivery_timeout_ms=1000, socket_timeout_ms=1000
    )
    producer.begin_transaction()
    send(producer, topic, 1, "late")
    # The marker of the coordinator's abort.
    until("the abort", lambda: ends(kit, topic, 1) == ["2/2"])
    commit_late = outcome_of(lambda: producer.commit_transaction(30))
    transactional(kit, topic)
    return {
        "commit": commit_late,
        "views": views(kit, topic, 1),
        "too_long": outcome_of(
            lambda: transactional(kit, f"{topic}-long", transaction_timeout_ms=2_000_000_000)
        ),
    }


def many(kit):
    topic = "c-txn-many"
    kit.create_topic(topic, 4)
    producer = transactional(kit, topic)
    for i in range(30):
        producer.begin_transaction()
        send(producer, topic, 4, f"t{i}")
        if i % 3 == 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    settle(kit, topic, 4)
    return {
        "committed": digest(view(kit, topic, 4, "read_committed")),
        "ends": ends(kit, topic, 4),
    }
