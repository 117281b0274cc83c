"""Asks a daemon for its health as another user and prints what came: ask.py SOCKET UID GID."""

import os
import socket
import sys

path, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(path)
except OSError as refusal:
    sys.exit(refusal.strerror)
try:
    client.sendall(b'{"method":"Health"}\n')
    print(client.makefile().readline(), end="")
except OSError:
    pass
