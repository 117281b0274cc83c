"""The part of checker.py that follows the journal as a state machine of its own."""

import json


class Replay:
    """Follows the journal row by row, and asks at each place whether the answers given there are right."""

    def __init__(self, checker):
        self.checker = checker
        self.violated = checker.violated
        self.nodes = {}
        self.tasks = {}
        self.locks = {}
        self.writers = {one.seq: one for one in checker.answered if one.writes}
        self.answers = {}
        for operation in checker.answered:
            if operation.seq is not None and not operation.writes:
                self.answers.setdefault(operation.seq, []).append(operation)

    def run(self):
        self.explain(0)
        for row in self.checker.rows:
            self.apply(row)
            self.explain(row["seq"])
        for seq, operations in self.answers.items():
            for operation in operations:
                self.violated("lost", f"{operation} was answered at {seq}, which the journal has not")

    def apply(self, row):
        apply = getattr(self, "apply_" + row["action_type"].lower(), None)
        if apply is None:
            return self.violated("journal", f"row {row['seq']} says {row['action_type']}")
        try:
            apply(row, row["payload"], self.nodes.get(row["node_id"]))
        except (KeyError, TypeError, AttributeError):
            self.violated("journal", f"row {row['seq']} speaks of what was never journalled: {json.dumps(row)}")

    def explain(self, seq):
        for operation in self.answers.pop(seq, []):
            try:
                right = self.is_right(operation)
            except KeyError:
                right = False
            if not right:
                self.violated("order", f"{operation} cannot be answered {json.dumps(operation.answer)} there")

    def is_right(self, operation):
        params, refusal = operation.params, operation.refusal
        if operation.method == "Health":
            return True
        if operation.method == "AcquireResourceLock":
            return refusal is None and params["resource_key"] in self.locks
        if operation.method == "AcquireNextNode":
            return refusal is None and not any(self.is_runnable(node) for node in self.tasks[params["task_id"]])
        if "resource_key" in params:
            holder = self.locks.get(params["resource_key"])
            if refusal is None:
                return holder == params["lease_id"]
            if refusal == "NOT_FOUND":
                return holder is None
            # A lease that has run out may not have left its row yet.
            return refusal == "LEASE_LOST" and holder is not None
        node = self.nodes[params["node_id"]]
        if refusal is None:
            return operation.method == "HeartbeatNode" and node["lease"] == params["lease_id"]
        if refusal == "INVALID_STATE":
            return node["status"] in ("COMPLETED", "FAILED")
        return refusal == "LEASE_LOST" and node["lease"] != params.get("lease_id", "none")

    def is_runnable(self, node):
        return node["status"] == "PENDING" and all(
            self.nodes[dependency]["status"] == "COMPLETED" for dependency in node["dependencies"])

    def apply_register_task(self, row, payload, _):
        self.tasks[row["task_id"]] = nodes = []
        for node in payload["nodes"]:
            nodes.append({"status": "PENDING", "lease": None, "dependencies": node["dependencies"]})
            self.nodes[node["id"]] = nodes[-1]

    def apply_acquire_node(self, row, payload, node):
        if not self.is_runnable(node):
            self.violated("exclusion", f"row {row['seq']} gives a node that is {node['status']} or waits for others")
        node.update(status="RUNNING", lease=payload["lease_id"])

    def apply_timeout_rollback(self, row, payload, node):
        self.end_lease(row, node, payload["lease_id"])
        node.update(status="PENDING", lease=None)

    def apply_release_node(self, row, payload, node):
        self.end_lease(row, node, payload["lease_id"])
        node.update(status="PENDING", lease=None)

    def apply_complete_node(self, row, _, node):
        self.end_lease(row, node, self.lease_of_writer(row, node))
        node.update(status="COMPLETED", lease=None)

    def apply_fail_node(self, row, payload, node):
        lease = payload["lease_id"] if "cause" in payload else self.lease_of_writer(row, node)
        self.end_lease(row, node, lease)
        node.update(status="PENDING" if "retry" in payload else "FAILED", lease=None)

    def apply_commit_event(self, row, _, node):
        if node["status"] == "RUNNING" and self.lease_of_writer(row, node) != node["lease"]:
            self.violated("stale", f"row {row['seq']} is an event under a lease that was not the current one")

    def lease_of_writer(self, row, node):
        """The lease its client presented; where no client was answered, the row alone does not tell."""
        writer = self.writers.get(row["seq"])
        return node["lease"] if writer is None else writer.params.get("lease_id")

    def end_lease(self, row, node, lease):
        if node["status"] != "RUNNING" or node["lease"] != lease:
            self.violated("stale", f"row {row['seq']} ends a lease that was not the current one")

    def apply_acquire_resource_lock(self, row, payload, _):
        for key in self.keys(payload):
            if key in self.locks:
                self.violated("exclusion", f"row {row['seq']} gives {key}, which is held")
            self.locks[key] = payload["lease_id"]

    # What is over is ended by a row of its own before.
    apply_take_over_resource_lock = apply_acquire_resource_lock

    def apply_release_resource_lock(self, row, payload, _):
        for key in self.keys(payload):
            self.free(row, key, payload["lease_id"])

    apply_expire_resource_lock = apply_release_resource_lock

    def keys(self, payload):
        return [lock["resource_key"] for lock in payload["locks"]]

    def free(self, row, key, lease):
        if self.locks.pop(key, None) != lease:
            self.violated("stale", f"row {row['seq']} takes {key} from a lease that was not the current one")

