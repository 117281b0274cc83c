"""A client as a Python user of the original daemon wrote it: standard library only, one blocking socket.

Reads the socket's path from AGENTD_SOCKET_PATH, walks through the original's whole flow, checks every answer and
prints one JSON line. Ends with 1 and a message at the first answer that is not what the original gave.
"""
import json
import os
import re
import socket
import sys
import uuid

SOCKET_PATH = os.environ["AGENTD_SOCKET_PATH"]
METHODS = (
    "DescribeInterface Health Metrics RegisterTask AcquireNextNode CommitEvent HeartbeatNode CompleteNode FailNode "
    "TaskStatus AcquireResourceLock HeartbeatResourceLock ReleaseResourceLock ListResourceLocks"
).split()
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
checks = 0


def check(truth, what):
    global checks
    checks += 1
    if not truth:
        sys.exit(f"python client: {what}")


def is_uuid(value):
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def is_int(value):
    return type(value) is int


def connect():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(SOCKET_PATH)
    return connection


class Client:
    def __init__(self):
        self.connection = connect()
        self.lines = self.connection.makefile("rb")
        self.sent = 0

    def send(self, line):
        self.connection.sendall(line)
        return json.loads(self.lines.readline())

    def request(self, method, params=None):
        self.sent += 1
        request = {"id": self.sent, "method": method}
        if params is not None:
            request["params"] = params
        response = self.send(json.dumps(request).encode() + b"\n")
        check(response.get("id") == self.sent, f"{method}: the id comes back as sent: {response}")
        return response

    def call(self, method, params=None):
        response = self.request(method, params)
        check("error" not in response and "result" in response, f"{method}: expected a result: {response}")
        return response["result"]

    def refused(self, code, method, params):
        response = self.request(method, params)
        error = response.get("error", {})
        check("result" not in response and error.get("code") == code, f"{method}: expected {code}: {response}")
        check(isinstance(error.get("message"), str) and error["message"], f"{method}: the refusal says why: {response}")
        return error["message"]


def describe(client):
    interface = client.call("DescribeInterface")
    check(interface["protocol"] == "agentd-jsonl-v1", "protocol name")
    check(interface["transport"] == "unix-domain-socket", "transport name")
    check(isinstance(interface["framing"], str), "framing is text")
    model = interface["state_model"]
    check(model["node_statuses"] == ["PENDING", "RUNNING", "COMPLETED", "FAILED"], "the four statuses, in order")
    for transition in ("AcquireNextNode", "CompleteNode", "FailNode", "timeout_rollback"):
        check(isinstance(model["strict_transitions"][transition], str), f"transition {transition} is text")
    lock_model = interface["resource_lock_model"]
    check(lock_model and all(isinstance(text, str) for text in lock_model.values()), "resource_lock_model holds texts")
    described = {row["method"]: row for row in interface["methods"]}
    for method in METHODS:
        check({"params", "result"} <= described.get(method, {}).keys(), f"{method} is described")


def health_and_metrics(client):
    health = client.call("Health", {})
    check((health["status"], health["database"]) == ("ok", "ok"), "the daemon is well")
    check(is_int(health["running_timeout_secs"]) and is_int(health["context_event_limit"]), "health's limits are ints")
    metrics = client.call("metrics", {})
    runtime = (
        "registered_tasks acquire_attempts acquired_nodes acquisition_latency_micros_total "
        "average_acquisition_latency_micros committed_events heartbeats completed_nodes failed_nodes "
        "timeout_rollbacks acquired_resource_locks released_resource_locks"
    ).split()
    database = (
        "schema_version latest_schema_version total_tasks total_nodes total_events active_resource_locks "
        "expired_resource_locks running_leases expired_running_leases"
    ).split()
    check(all(is_int(metrics["runtime"][name]) for name in runtime), "runtime metrics are ints")
    check(all(is_int(metrics["database"][name]) for name in database), "database metrics are ints")
    check(all(is_int(metrics[name]) for name in ("uptime_secs", "running_timeout_secs")), "metrics' own ints")
    check(all(map(is_int, metrics["database"]["node_status_counts"].values())), "status counts are ints")


def register(client, first, second):
    task = client.call(
        "RegisterTask",
        {
            "goal": "prüfe die Schnittstelle",
            "context": {"repository": "widgets", "deep": [1, 2.5, None, True]},
            "initial_nodes": [
                {"id": first, "payload_schema": {"prompt": "first"}},
                {"id": second, "dependencies": [first]},
            ],
        },
    )
    check(is_uuid(task["task_id"]), "task_id is a uuid")
    return task["task_id"]


def acquired(client, task_id, node_id, owner):
    lease = client.call("AcquireNextNode", {"task_id": task_id, "lease_owner": owner})
    check(lease["task_id"] == task_id and lease["node_id"] == node_id, f"the first runnable node: {lease}")
    check(is_uuid(lease["lease_id"]) and lease["lease_owner"] == owner, "the lease is the asker's")
    check(is_int(lease["lease_expires_at"]), "lease_expires_at is in whole seconds")
    context = lease["context"]
    task, node = context["task"], context["node"]
    check(task["id"] == task_id and task["goal"] == "prüfe die Schnittstelle", "the context shows the task")
    check(task["context"] == {"repository": "widgets", "deep": [1, 2.5, None, True]}, "the task's context is kept")
    check(ISO.fullmatch(task["created_at"]) is not None, "created_at is an ISO time")
    check(node["id"] == node_id and node["task_id"] == task_id, "the context shows the node")
    check(node["status"] == "RUNNING" and node["result_payload"] is None, "the node runs and has no result")
    check(node["lease_id"] == lease["lease_id"] and node["lease_owner"] == owner, "node and lease agree")
    check(all(is_int(node[name]) for name in ("acquired_at", "lease_expires_at", "updated_at")), "the node's times")
    check(is_int(context["event_journal_limit"]), "event_journal_limit is an int")
    return lease


def nodes(client):
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    task_id = register(client, first, second)
    lease = acquired(client, task_id, first, "python-1")
    check(lease["context"]["node"]["payload_schema"] == {"prompt": "first"}, "payload_schema is kept")
    check(lease["context"]["completed_dependencies"] == [], "nothing was to be done before")
    check(lease["context"]["event_journal"] == [], "the journal shows no event yet")
    check(client.call("AcquireNextNode", {"task_id": task_id}) is None, "null while nothing is runnable")

    held = {"task_id": task_id, "node_id": first, "lease_id": lease["lease_id"]}
    check(client.call("HeartbeatNode", held)["ok"] is True, "a heartbeat is taken")
    events = [
        client.call("CommitEvent", {**held, "action_type": "intent", "payload": {"plan": ["a", "b"]}}),
        client.call("CommitEvent", {**held, "event_payload": "a bare string"}),
        client.call("CompleteNode", {**held, "result_payload": {"files": ["src/ä.rs"]}}),
    ]
    check(all(is_uuid(event["event_id"]) for event in events), "events have uuids")
    client.refused(-32000, "HeartbeatNode", held)

    second_lease = acquired(client, task_id, second, "python-1")
    context = second_lease["context"]
    check(context["node"]["dependencies"] == [first] and context["node"]["payload_schema"] == {}, "the second node")
    done = [{"node_id": first, "result_payload": {"files": ["src/ä.rs"]}}]
    check(context["completed_dependencies"] == done, f"what was done before: {context['completed_dependencies']}")
    journal = [(event["id"], event["action_type"], event["payload"]) for event in context["event_journal"]]
    expected = [
        (events[0]["event_id"], "intent", {"plan": ["a", "b"]}),
        (events[1]["event_id"], "COMMIT_EVENT", "a bare string"),
        (events[2]["event_id"], "COMPLETE_NODE", {"result": {"files": ["src/ä.rs"]}}),
    ]
    check(journal == expected, f"the journal, oldest first: {journal}")
    check(all(ISO.fullmatch(event["timestamp"]) for event in context["event_journal"]), "event times are ISO")

    stale = {"task_id": task_id, "node_id": second, "lease_id": lease["lease_id"]}
    client.refused(-32000, "HeartbeatNode", stale)
    client.refused(-32000, "CompleteNode", {**stale, "result_payload": {}})
    client.refused(-32000, "CommitEvent", {"task_id": task_id, "node_id": second, "payload": {}})
    failure = {"message": "tests fail", "exit": 1}
    fail = {"task_id": task_id, "node_id": second, "lease_id": second_lease["lease_id"], "error_payload": failure}
    check(is_uuid(client.call("FailNode", fail)["event_id"]), "a failure is an event")
    afterwards = {"task_id": task_id, "node_id": second, "payload": {"after": "the end"}}
    check(is_uuid(client.call("CommitEvent", afterwards)["event_id"]), "a node that does not run needs no lease")
    status(client, task_id, [first, second], failure)


def status(client, task_id, ids, failure):
    status = client.call("TaskStatus", {"task_id": task_id})
    for spelling in ("task_status", "GetTaskStatus", "get_task_status"):
        check(client.call(spelling, {"task_id": task_id}) == status, f"{spelling} is TaskStatus")
    check(status["task"]["id"] == task_id and "context" in status["task"], "the status shows the task")
    check(status["counts"] == {"COMPLETED": 1, "FAILED": 1}, f"only statuses that occur: {status['counts']}")
    check([node["id"] for node in status["nodes"]] == ids, "nodes come in registration order")
    check([node["status"] for node in status["nodes"]] == ["COMPLETED", "FAILED"], "one did, one did not")
    check(status["nodes"][1]["result_payload"] == failure, "a failed node's result is its error")
    for node in status["nodes"]:
        leftover = [name for name in ("lease_id", "lease_owner", "lease_expires_at") if node[name] is not None]
        check(leftover == [], f"an ended node has no lease: {leftover}")


def locks(client):
    key = f"file:src/{uuid.uuid4()}.rs"
    lock = client.call("AcquireResourceLock", {"resource_key": key, "owner": "python-1", "metadata": {"why": "edit"}})
    check((lock["resource_key"], lock["owner"]) == (key, "python-1"), "the lock is the asker's")
    check(is_uuid(lock["lease_id"]) and lock["metadata"] == {"why": "edit"}, "the lock's lease and metadata")
    check(all(lock[name] is None for name in ("provider", "task_id", "node_id")), "what was not given is null")
    check(is_int(lock["acquired_at"]) and is_int(lock["lease_expires_at"]), "the lock's times")
    check(client.call("AcquireResourceLock", {"resource_key": key, "owner": "python-1"}) is None, "null while held")
    held = {"resource_key": key, "lease_id": lock["lease_id"]}
    check(client.call("HeartbeatResourceLock", {**held, "ttl_secs": 60})["ok"] is True, "a lock's heartbeat")
    listed = [row for row in client.call("ListResourceLocks")["locks"] if row["resource_key"] == key]
    check(len(listed) == 1 and is_int(listed[0]["updated_at"]), f"the lock is listed once: {listed}")
    check(listed[0]["lease_id"] == lock["lease_id"], "under its lease")
    check(client.call("ReleaseResourceLock", held)["ok"] is True, "the lock is given back")
    client.refused(-32000, "ReleaseResourceLock", held)
    client.refused(-32000, "HeartbeatResourceLock", held)
    keys = [row["resource_key"] for row in client.call("ListResourceLocks", {})["locks"]]
    check(key not in keys, "and no longer listed")


def refusals(client):
    check("unknown method: Nonsense" in client.refused(-32601, "Nonsense", {}), "the unknown method is named")
    check("task_id" in client.refused(-32602, "TaskStatus", {"task_id": "no uuid"}), "the wrong parameter is named")
    client.refused(-32602, "RegisterTask", {})
    client.refused(-32000, "TaskStatus", {"task_id": str(uuid.uuid4())})
    itself = str(uuid.uuid4())
    loop = {"goal": "g", "initial_nodes": [{"id": itself, "dependencies": [itself]}]}
    client.refused(-32000, "RegisterTask", loop)
    broken = client.send(b"{ this is no JSON\n")
    check(broken["error"]["code"] == -32700 and "id" not in broken, f"not JSON: {broken}")
    check("id" not in client.send(b'{"method":"Health"}\r\n'), "without an id none comes back")
    check(client.send(b'\n  \n{"id":{"a":[1]},"method":"Health"}\n')["id"] == {"a": [1]}, "any id is echoed")


def half_closed():
    """What `printf … | nc -N -U` does: several lines, the last without its newline, then no more to say."""
    with connect() as connection:
        connection.sendall(b'{"id":1,"method":"Health"}\n{"id":2,"method":"Nonsense"}\n{"id":3,"method":"Metrics"}')
        connection.shutdown(socket.SHUT_WR)
        answers = [json.loads(line) for line in connection.makefile("rb")]
    check([answer["id"] for answer in answers] == [1, 2, 3], f"every line is answered, in order: {answers}")
    check("result" in answers[2] and "error" in answers[1], "each with its own answer")


client = Client()
describe(client)
health_and_metrics(client)
nodes(client)
locks(client)
refusals(client)
half_closed()
print(json.dumps({"client": "python", "ok": True, "checks": checks}))
