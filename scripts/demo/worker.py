"""A worker in Python, standard library only. Its name is in WORKER, its task's id comes on standard input.

Takes nodes until the task has ended. A node with a `file` is an edit: under a lock of the file, proved by the node's
`check`, and committed under a lock of the git index. A node without one only runs its `check` and reports.
"""
import json
import os
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

NAME = os.environ["WORKER"]
HEARTBEAT_SECS = 0.5


class Refused(Exception):
    pass


class Agentd:
    """One connection to the daemon: a JSON line out, a JSON line back."""

    def __init__(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(os.environ["AGENTD_SOCKET_PATH"])
        self.stream = connection.makefile("rwb")
        self.seen = 0

    def call(self, method, **params):
        self.stream.write(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def await_news(self, task_id):
        """Returns when the task's journal holds something we have not seen."""
        news = self.call("ListEvents", task_id=task_id, after_seq=self.seen, limit=1000, wait_ms=1000)
        self.seen = news["next_after_seq"]


class Heart:
    """Keeps the leases it is given alive, from a thread and a connection of its own."""

    def __init__(self):
        self.kept = {}
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        agentd = Agentd()
        while True:
            time.sleep(HEARTBEAT_SECS)
            for method, lease in list(self.kept.values()):
                with suppress(Refused):  # ended meanwhile, or lost: then the work itself is refused, and reports it
                    agentd.call(method, **lease)

    @contextmanager
    def keeps(self, method, lease):
        self.kept[lease["lease_id"]] = (method, lease)
        try:
            yield
        finally:
            del self.kept[lease["lease_id"]]


heart = Heart()


@contextmanager
def lock(agentd, held, key):
    owner = {"owner": NAME, "provider": "python", "task_id": held["task_id"], "node_id": held["node_id"]}
    while (lease := agentd.call("AcquireResourceLock", resource_key=key, **owner)) is None:
        agentd.await_news(held["task_id"])
    lease = {"resource_key": key, "lease_id": lease["lease_id"]}
    with heart.keeps("HeartbeatResourceLock", lease):
        yield
    agentd.call("ReleaseResourceLock", **lease)


def git(*words):
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def passes(command):
    return subprocess.run(command, shell=True, capture_output=True).returncode == 0


def write(path, text):
    """Replaces a file in one step: another worker's test may be reading it."""
    with open(f"{path}.{NAME}", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.{NAME}", path)


def edit(agentd, held, job, journal):
    file = job["file"]
    with ExitStack() as locks:
        locks.enter_context(lock(agentd, held, f"file:{file}"))
        # From the last commit, not from the working tree: a worker that died may have left half an edit there.
        source = git("show", f"HEAD:{file}")
        if job["find"] not in source:
            return {"worker": NAME, "file": file, "note": "an earlier attempt had committed this already"}
        write(file, source.replace(job["find"], job["replace"]))
        journal("progress", f"edited {file}")
        if not passes(job["check"]):
            raise Refused(f"{job['check']} does not pass")
        journal("progress", f"{job['check']} passes")
        locks.enter_context(lock(agentd, held, "file:CHANGELOG.md"))
        locks.enter_context(lock(agentd, held, "tool:git-index"))
        write("CHANGELOG.md", git("show", "HEAD:CHANGELOG.md") + f"- {job['title']}\n")
        if os.path.exists(".git/index.lock"):
            os.remove(".git/index.lock")  # we hold the index: what is left is of a worker that died
        git("commit", "--quiet", f"--author={NAME} <{NAME}@localhost>", "-m", job["title"], "--", file, "CHANGELOG.md")
        return {"worker": NAME, "file": file, "commit": git("rev-parse", "--short", "HEAD").strip()}


def work(agentd, lease):
    held = {key: lease[key] for key in ("task_id", "node_id", "lease_id")}
    job = lease["context"]["node"]["payload_schema"]

    def journal(action, text):
        agentd.call("CommitEvent", **held, action_type=action, payload={"worker": NAME, "text": text})

    with heart.keeps("HeartbeatNode", held):
        journal("intent", job["title"])
        time.sleep(float(job["think"]))
        if "file" in job:
            result = edit(agentd, held, job, journal)
        else:
            result = {"worker": NAME, "passes": passes(job["check"])}
        agentd.call("CompleteNode", **held, result_payload=result)


def main():
    agentd = Agentd()
    print("ready", flush=True)
    task_id = input()
    while True:
        lease = agentd.call("AcquireNextNode", task_id=task_id, lease_owner=NAME)
        if lease is not None:
            work(agentd, lease)
        elif agentd.call("TaskStatus", task_id=task_id)["state"] != "ACTIVE":
            return
        else:
            agentd.await_news(task_id)


main()
