"""Judges what clients of a daemon saw by the journal they wrote. Knows the wire and nothing of agentd's code.

    python3 checker.py DIRECTORY...

reads from each DIRECTORY/history-*.jsonl, a line for each attempt at a request:

    {"client", "key", "method", "params", "sent", "received", "answer"}

with times of one monotonic clock and null for what never came, and DIRECTORY/journal.jsonl, the rows as ListEvents
gives them. Prints one JSON line for each and exits with 1 when a property does not hold:

    journal      rows have the seqs 1, 2, 3, ..., and say nothing this program does not know
    lost         a write that was acknowledged is in the journal, as it was answered
    twice        what was asked under one key is in the journal once at most
    refused      what was answered with a refusal or null is not in the journal
    repeated     all answers under one key are the same
    real-time    what was sent after another's answer came has no earlier place in the journal
    order        every answer is right at its place in the journal
    exclusion    a node or lock has one holder, in the journal and by the clients' clocks
    stale        nothing was written under a lease that was not the current one
    expiry       no lease was taken from its holder before its time
    fencing      tokens are unique, and rise from one holder to the next
"""

import datetime
import glob
import json
import os
import sys

from checker_replay import Replay

NODE_ENDS = {"CompleteNode", "FailNode", "ReleaseNode"}
ACQUIRES = {"AcquireNextNode", "AcquireResourceLock"}
# Methods of which a success is a row of its own in the journal, and the actions that row may have.
ACTIONS = {
    "RegisterTask": {"REGISTER_TASK"},
    "AcquireNextNode": {"ACQUIRE_NODE"},
    "CommitEvent": {"COMMIT_EVENT"},
    "CompleteNode": {"COMPLETE_NODE"},
    "FailNode": {"FAIL_NODE"},
    "ReleaseNode": {"RELEASE_NODE"},
    "AcquireResourceLock": {"ACQUIRE_RESOURCE_LOCK", "TAKE_OVER_RESOURCE_LOCK"},
    "ReleaseResourceLock": {"RELEASE_RESOURCE_LOCK"},
}


class Operation:
    """What was asked under one key, over all attempts at it."""

    def __init__(self, attempts):
        first = attempts[0]
        self.key, self.method, self.params = first["key"], first["method"], first["params"]
        self.sent = min(one["sent"] for one in attempts)
        answered = [one for one in attempts if one["answer"] is not None]
        self.received = min((one["received"] for one in answered), default=None)
        self.answers = [one["answer"] for one in answered]
        self.answer = min(answered, key=lambda one: one["received"])["answer"] if answered else {}
        self.result = self.answer.get("result")
        self.refusal = self.answer.get("error", {}).get("data", {}).get("kind")
        self.seq = self._seq()
        # Whether a row of the journal is this operation's own.
        self.writes = self.result is not None and self.method in ACTIONS

    def _seq(self):
        if "error" in self.answer:
            return self.answer["error"].get("data", {}).get("seq")
        if isinstance(self.result, dict):
            return self.result.get("seq", self.result.get("last_seq"))
        return self.answer.get("seq")

    def resource(self):
        """What it takes or gives back: a node or a lock."""
        if "resource_key" in self.params:
            return "lock " + self.params["resource_key"]
        return "node " + (self.result if self.method == "AcquireNextNode" else self.params)["node_id"]

    def __str__(self):
        return f"{self.key} ({self.method}, seq {self.seq})"


class Checker:
    def __init__(self, attempts, rows):
        by_key = {}
        for attempt in attempts:
            by_key.setdefault(attempt["key"], []).append(attempt)
        self.attempts = attempts
        self.operations = [Operation(attempts) for attempts in by_key.values()]
        self.answered = [one for one in self.operations if one.received is not None]
        self.by_key = {one.key: one for one in self.operations}
        self.rows = rows
        self.row_at = {row["seq"]: row for row in rows}
        self.violations = []

    def violated(self, name, what):
        """Of each property a few are enough to go by."""
        if sum(1 for one in self.violations if one["property"] == name) < 3:
            self.violations.append({"property": name, "what": what})

    def check(self):
        self.check_seqs()
        self.check_repetitions()
        self.check_real_time()
        self.check_writes()
        self.check_keys()
        self.check_fencing()
        self.check_holds()
        self.check_expiry()
        Replay(self).run()

    def check_seqs(self):
        for place, row in enumerate(self.rows, start=1):
            if row["seq"] != place:
                return self.violated("journal", f"row {place} has seq {row['seq']}")

    def check_repetitions(self):
        for operation in self.answered:
            plain = [{k: v for k, v in answer.items() if k not in ("id", "replayed")} for answer in operation.answers]
            if any(answer != plain[0] for answer in plain):
                self.violated("repeated", f"{operation} was answered differently: {json.dumps(plain)}")

    def check_real_time(self):
        """Each operation against the furthest one whose answer had come when it was sent."""
        placed = [one for one in self.answered if one.seq is not None]
        for one in set(self.answered) - set(placed):
            self.violated("order", f"{one} has no place in the journal: {json.dumps(one.answer)}")
        done = iter(sorted(placed, key=lambda one: one.received))
        furthest, following = None, next(done, None)
        for operation in sorted(placed, key=lambda one: one.sent):
            while following is not None and following.received < operation.sent:
                if furthest is None or following.seq > furthest.seq:
                    furthest = following
                following = next(done, None)
            if furthest is not None and furthest.seq > operation.seq - operation.writes:
                self.violated("real-time", f"{operation} was sent after the answer to {furthest} had come")

    def check_writes(self):
        owners = {}
        for operation in self.answered:
            if not operation.writes:
                continue
            other = owners.setdefault(operation.seq, operation)
            if other is not operation:
                self.violated("order", f"{operation} and {other} claim the same row")
            if not self.is_row_of(self.row_at.get(operation.seq), operation):
                self.violated("lost", f"{operation} was acknowledged with {json.dumps(operation.answer)}")

    def is_row_of(self, row, operation):
        if row is None or row["action_type"] not in ACTIONS[operation.method]:
            return False
        result, params, payload = operation.result, operation.params, row["payload"]
        if operation.method == "RegisterTask":
            return row["task_id"] == result["task_id"] and payload["context"] == params["context"]
        if operation.method == "AcquireNextNode":
            return row["node_id"] == result["node_id"] and payload["lease_id"] == result["lease_id"]
        if operation.method == "AcquireResourceLock":
            keys = [lock["resource_key"] for lock in payload["locks"]]
            return keys == [params["resource_key"]] and payload["lease_id"] == result["lease_id"]
        if operation.method in ("ReleaseNode", "ReleaseResourceLock"):
            return payload["lease_id"] == params["lease_id"]
        told = {"CommitEvent": ("payload", payload), "CompleteNode": ("result_payload", payload.get("result")),
                "FailNode": ("error_payload", payload.get("error"))}
        field, journalled = told[operation.method]
        return row["id"] == result["event_id"] and journalled == params[field]

    def check_keys(self):
        rows_of = {}
        for row in self.rows:
            key = key_in(row)
            if key is not None:
                rows_of.setdefault(key, []).append(row["seq"])
        for key, seqs in rows_of.items():
            operation = self.by_key.get(key)
            if len(seqs) > 1:
                self.violated("twice", f"{key} is in the journal at {seqs}")
            if operation is not None and operation.received is not None and operation.result is None:
                self.violated("refused", f"{operation} was answered {json.dumps(operation.answer)}, and is at {seqs}")

    def check_fencing(self):
        taken, tokens = {}, {}
        for operation in sorted(self.answered, key=lambda one: one.sent):
            if operation.method not in ACQUIRES or operation.result is None:
                continue
            token = operation.result["fencing_token"]
            if tokens.setdefault(token, operation) is not operation:
                self.violated("fencing", f"{operation} and {tokens[token]} have the token {token}")
            earlier = taken.setdefault(operation.resource(), [])
            for other in earlier:
                if other.received < operation.sent and other.result["fencing_token"] >= token:
                    self.violated("fencing", f"{operation} got {token} after {other} got "
                                             f"{other.result['fencing_token']}")
            # Only the greatest so far can be in the way of what comes later, but for those that still overlap.
            earlier[:] = [one for one in earlier if one.received >= operation.sent
                          or one.result["fencing_token"] > token] + [operation]

    def check_holds(self):
        """By the clients' clocks alone: from the answer that gave a lease to the request that ended it."""
        lapsed = {lease for row in self.rows for lease in leases_taken_in(row)}
        ended = {}
        for operation in self.operations:
            if operation.method in NODE_ENDS or operation.method == "ReleaseResourceLock":
                lease = operation.params["lease_id"]
                ended[lease] = min(ended.get(lease, operation.sent), operation.sent)
        holds = {}
        for operation in self.answered:
            if operation.method in ACQUIRES and operation.result is not None:
                lease = operation.result["lease_id"]
                # When a lease that ran out ended, no client can tell.
                if lease not in lapsed:
                    hold = (operation.received, ended.get(lease, float("inf")), operation)
                    holds.setdefault(operation.resource(), []).append(hold)
        for resource, its in holds.items():
            its.sort(key=lambda hold: hold[0])
            for (_, end, one), (start, _, other) in zip(its, its[1:]):
                if start < end:
                    self.violated("exclusion", f"{one} held {resource} when {other} got it")

    def check_expiry(self):
        promised = {}
        for operation in self.answered:
            if isinstance(operation.result, dict) and "lease_expires_at_ms" in operation.result:
                lease = operation.result.get("lease_id", operation.params.get("lease_id"))
                promised.setdefault(lease, []).append((operation.seq, operation.sent, operation))
        for row in self.rows:
            for lease in leases_taken_in(row):
                before = [promise for promise in promised.get(lease, []) if promise[0] < row["seq"]]
                if not before:
                    continue
                _, _, last = max(before, key=lambda promise: promise[:2])
                if milliseconds(row["timestamp"]) < last.result["lease_expires_at_ms"]:
                    self.violated("expiry", f"row {row['seq']} ends a lease before the time {last} was told")


def milliseconds(iso):
    moment = datetime.datetime.fromisoformat(iso.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def key_in(row):
    """The idempotency key, which clients put where it is journalled."""
    payload = row["payload"]
    if row["action_type"] == "ACQUIRE_NODE":
        return payload["lease_owner"]
    for place in (payload, payload.get("context"), payload.get("result"), payload.get("error"), payload.get("metadata")):
        if isinstance(place, dict) and isinstance(place.get("key"), str):
            return place["key"]
    return None


def leases_taken_in(row):
    """Leases that ended without their holder."""
    if row["action_type"] in ("TIMEOUT_ROLLBACK", "EXPIRE_RESOURCE_LOCK"):
        yield row["payload"]["lease_id"]
    if row["action_type"] == "TAKE_OVER_RESOURCE_LOCK":
        yield row["payload"]["from"]["lease_id"]
    if row["action_type"] == "FAIL_NODE" and "cause" in row["payload"]:
        yield row["payload"]["lease_id"]


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check(directory):
    histories = sorted(glob.glob(os.path.join(directory, "history-*.jsonl")))
    attempts = [line for path in histories for line in lines_of(path)]
    checker = Checker(attempts, lines_of(os.path.join(directory, "journal.jsonl")))
    checker.check()
    print(json.dumps({
        "ok": not checker.violations,
        "requests": len(checker.operations),
        "unanswered": sum(1 for one in checker.operations if one.received is None and one.method != "Health"),
        "repeated": len(checker.attempts) - len(checker.operations),
        "replayed": sum(1 for attempt in attempts if (attempt["answer"] or {}).get("replayed", False)),
        "rows": len(checker.rows),
        "violations": checker.violations,
    }))
    return not checker.violations


if __name__ == "__main__":
    sys.exit(0 if all([check(directory) for directory in sys.argv[1:]]) else 1)
