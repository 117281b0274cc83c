"""A client that behaves badly in the one way it is told to: client.py SOCKET HOW [ARGUMENTS].

What it has to report it prints, a line at a time.
"""

import select
import socket
import sys
import time

REQUEST = b'{"method":"DescribeInterface"}\n'


def connect(path, patient=False):
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except BlockingIOError:
            # The system itself refuses for a moment when more connect than a process can take note of.
            client.close()
            if not patient:
                raise
            time.sleep(0.005)


def say(*words):
    print(*words, flush=True)


def everything(client):
    parts = []
    try:
        while part := client.recv(1 << 20):
            parts.append(part)
    except ConnectionResetError:
        parts.append(b"(reset)")
    return b"".join(parts)


def deaf(path, seconds, bytes_per_second):
    """Asks for a lot and reads nothing, or hardly anything; tells when nothing more is taken, and how it ended."""
    client = connect(path)
    client.setblocking(False)
    rest = REQUEST * 20_000
    ends = time.monotonic() + seconds
    reads = time.monotonic() + 1
    stuck = False
    while time.monotonic() < ends:
        now = time.monotonic()
        if bytes_per_second and now >= reads:
            reads = now + 1
            try:
                if client.recv(bytes_per_second) == b"":
                    return say("thrown out")
            except BlockingIOError:
                pass
            except ConnectionResetError:
                return say("thrown out")
        poll = select.poll()
        poll.register(client, select.POLLOUT if rest else 0)
        ready = poll.poll(100)
        if not ready and not stuck:
            stuck = True
            say("stuck")
        for _, events in ready:
            if events & (select.POLLHUP | select.POLLERR):
                return say("thrown out")
            try:
                rest = rest[client.send(rest[: 1 << 16]) :]
            except BlockingIOError:
                pass
            except OSError:
                return say("thrown out")
    say("served on")


def crowd(path, count):
    """Connects so often at once; tells how many were served and how many were told that there is no room."""
    clients = [connect(path, patient=True) for _ in range(count)]
    served = told = other = 0
    for client in clients:
        try:
            client.sendall(b'{"method":"Health"}\n')
        except OSError:
            pass
    for client in clients:
        line = client.makefile("rb").readline()
        served += line.startswith(b'{"result":')
        told += b'"TOO_MANY_CONNECTIONS"' in line
        other += not line
    say(served, told, other)


def half(path, count):
    """Asks, ends its own side, and reads to the end, so many times; tells how often all three answers came."""
    whole = 0
    for _ in range(count):
        client = connect(path, patient=True)
        client.sendall(b'{"id":1,"method":"Health"}\n{"id":2,"method":"Metrics"}\n{"id":3,"method":"Health"}')
        client.shutdown(socket.SHUT_WR)
        lines = everything(client).split(b"\n")
        whole += [line[:17] for line in lines] == [b'{"id":%d,"result":' % n for n in (1, 2, 3)] + [b""]
        client.close()
    say(whole)


def long_line(path, megabytes):
    """Sends a line that does not end, and tells what it is answered."""
    client = connect(path)
    client.setblocking(False)
    piece = b"x" * (1 << 20)
    left, answer = megabytes << 20, b""
    while not answer.endswith(b"(end)"):
        wanted = [client] if left > 0 else []
        readable, writable, _ = select.select([client], wanted, [])
        try:
            if writable:
                left -= client.send(piece[:left])
        except OSError:
            left = 0
        try:
            if readable:
                answer += client.recv(1 << 20) or b"(end)"
        except ConnectionResetError:
            answer += b"(end)"
    say(answer.decode().replace("\n", ""))


def wait(path, count, line):
    """Asks for something that does not come, over so many connections, and stays until it is killed."""
    clients = [connect(path, patient=True) for _ in range(count)]
    for client in clients:
        # The answer to the first shows that the second has arrived.
        client.sendall(b'{"method":"Health"}\n' + line.encode() + b"\n")
        client.makefile("rb").readline()
    say("waits")
    time.sleep(600)


def flood(path, count):
    """Sends so many requests at once, reads while it sends, and tells how many answers came, and how many of them wrong."""
    client = connect(path)
    client.setblocking(False)
    rest = b"".join(b'{"id":%d,"method":"Metrics"}\n' % n for n in range(count))
    text, answers, wrong = b"", 0, 0
    while answers < count:
        readable, writable, _ = select.select([client], [client] if rest else [], [])
        if writable:
            rest = rest[client.send(rest[: 1 << 18]) :]
        if readable:
            *lines, text = (text + (client.recv(1 << 20) or b"\n" * count)).split(b"\n")
            for line in lines:
                wrong += not line.startswith(b'{"id":%d,"result":' % answers)
                answers += 1
    say(answers, wrong)


MEGABYTE = 1 << 20
ARRAYS = b'{"method":"Health","params":{"x":[' + b"[]," * (MEGABYTE // 3 - 50) + b"[]]}}\n"
WAITING = b'{"method":"ListEvents","params":{"wait_ms":600000,"x":[' + b"[]," * (MEGABYTE // 3 - 50) + b"[]]}}\n"
KINDS = {
    "unread": REQUEST * 40,
    "unfinished": b'{"method":"Health","padding":"' + b"x" * (MEGABYTE - 100),
    "large": ARRAYS * 4,
    "waiting": WAITING,
}


def many(path, count, kind):
    """Sends the same over so many connections, reads nothing, and stays until it is killed."""
    clients = {connect(path, patient=True): KINDS[kind] for _ in range(count)}
    for client in clients:
        client.setblocking(False)
    say("there")
    while True:
        _, writable, _ = select.select([], [client for client, rest in clients.items() if rest], [], 1)
        for client in writable:
            try:
                clients[client] = clients[client][client.send(clients[client][: 1 << 18]) :]
            except BlockingIOError:
                pass
            except OSError:
                clients[client] = b""


how = {
    "many": lambda path, count, kind: many(path, int(count), kind),
    "deaf": lambda path, seconds: deaf(path, float(seconds), 0),
    "slow": lambda path, seconds: deaf(path, float(seconds), 1),
    "crowd": lambda path, count: crowd(path, int(count)),
    "half": lambda path, count: half(path, int(count)),
    "long": lambda path, megabytes: long_line(path, int(megabytes)),
    "wait": lambda path, count, line: wait(path, int(count), line),
    "flood": lambda path, count: flood(path, int(count)),
}
how[sys.argv[2]](sys.argv[1], *sys.argv[3:])
