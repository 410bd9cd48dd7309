"""Reads /metrics as Prometheus does, in both formats: driver.py URL. One line for each check."""

import gzip
import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

# What dashboards for Kafka ask for: Strimzi's strimzi-kafka.json and strimzi-kraft.json.
ASKED = """
kafka_cluster_partition_atminisr kafka_cluster_partition_underminisr
kafka_controller_controllerstats_uncleanleaderelections_total
kafka_controller_kafkacontroller_activecontrollercount
kafka_controller_kafkacontroller_offlinepartitionscount
kafka_log_log_size kafka_network_socketserver_networkprocessoravgidle_percent
kafka_server_brokertopicmetrics_bytesin_total kafka_server_brokertopicmetrics_bytesout_total
kafka_server_brokertopicmetrics_failedfetchrequests_total
kafka_server_brokertopicmetrics_failedproducerequests_total
kafka_server_brokertopicmetrics_messagesin_total
kafka_server_brokertopicmetrics_totalfetchrequests_total
kafka_server_brokertopicmetrics_totalproducerequests_total
kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent
kafka_server_kafkaserver_linux_disk_read_bytes kafka_server_kafkaserver_linux_disk_write_bytes
kafka_server_replicamanager_leadercount kafka_server_replicamanager_partitioncount
kafka_server_replicamanager_underreplicatedpartitions
kafka_server_socket_server_metrics_connection_count process_open_fds
kafka_server_raftmetrics_current_epoch kafka_server_raftmetrics_current_leader
kafka_server_raftmetrics_current_state kafka_server_raftmetrics_current_vote
kafka_server_raftmetrics_high_watermark kafka_server_raftmetrics_log_end_offset
kafka_network_requestmetrics_requests_total kafka_network_requestmetrics_errors_total
kafka_network_requestmetrics_totaltimems kafka_network_requestmetrics_localtimems
kafka_network_requestmetrics_messageconversionstimems
kafka_network_requestmetrics_temporarymemorybytes
kafka_server_brokertopicmetrics_invalidmessagecrcrecords_total
kafka_server_socket_server_metrics_expired_connections_killed_count
kafka_server_replicamanager_isrshrinks_total kafka_server_replicamanager_isrexpands_total
kafka_server_brokertopicmetrics_replicationbytesin_total
kafka_server_raftmetrics_commit_latency_avg
kafka_server_raft_metrics_current_state_info bunka_request_total_seconds_bucket
bunka_loop_delay_seconds_bucket process_cpu_seconds_total
""".split()


def scrape(url, accept, encoding="identity"):
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        body = answer.read()
        if answer.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        return answer.headers["Content-Type"], body.decode()


def series(families):
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        for sample in family.samples
    }


def names(found):
    return {name for name, _ in found}


def say(check, passed, note=""):
    print(json.dumps({"check": check, "passed": bool(passed), "note": note}), flush=True)


def main(url):
    plain_type, text = scrape(url, "text/plain")
    plain = series(parse_plain(text))
    say("plain", plain_type.startswith("text/plain; version=0.0.4"), plain_type)
    open_type, text = scrape(url, OPEN, "gzip")
    opened = series(parse_open(text))
    say("openmetrics", open_type.startswith("application/openmetrics-text"), open_type)
    say("the same names in both", names(plain) == names(opened), f"{len(plain)} samples")
    missing = [name for name in ASKED if name not in names(plain)]
    say("what dashboards ask for", not missing, " ".join(missing))
    produced = ("kafka_server_brokertopicmetrics_messagesin_total", (("topic", "scraped"),))
    say("a topic", produced in opened)


main(sys.argv[1])
