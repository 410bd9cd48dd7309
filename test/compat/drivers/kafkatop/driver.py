"""kafkatop, a monitor that people run beside Kafka: all it says of topics, groups and lag."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../confluent-kafka"))

from driver_kit import run_scenarios  # noqa: E402
from group_scenarios import Member, poll_until  # noqa: E402
from kit import Kit  # noqa: E402

kit = Kit(sys.argv[1])


def kafkatop(*options):
    program = os.path.join(os.path.dirname(sys.executable), "kafkatop")
    command = [program, "--kafka-broker", kit.bootstrap, "--text", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50)
    text = result.stdout.replace(kit.bootstrap, "ADDRESS")
    found = json.loads(text[text.index("{") :])
    return {"code": result.returncode, "said": scrub(found), "complaints": result.stderr}


def scrub(value):
    """Without what differs from run to run: the port and the cluster's id."""
    if isinstance(value, dict):
        changed = {"port": "PORT", "cluster_id": "ID"}
        return {key: changed.get(key) or scrub(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    return re.sub(r"ADDRESS/\S+", "ADDRESS", value) if isinstance(value, str) else value


def monitor():
    kit.create_topic("m-topic", 2)
    kit.fill("m-topic", 2, 5)
    member = Member(kit, "m-group", "m-topic")
    poll_until("10 records", lambda: len(member.messages) >= 10, member)
    member.consumer.commit(asynchronous=False)
    kit.fill("m-topic", 2, 3, "lag")
    outcome = {
        "topics": kafkatop("--topicinfo"),
        "partitions": kafkatop("--topicinfo-parts")["code"],
        "groups": kafkatop("--summary-json"),
        "status": kafkatop("--status"),
    }
    member.close()
    outcome["without members"] = kafkatop("--summary-json", "--all")
    return outcome


run_scenarios({"monitor": monitor})
