"""Load for a server over kept-alive connections, from one thread.

Threads of Python take turns, which shows in latencies from some ten connections on; a loop over
sockets that are ready does not.
"""

import os
import selectors
import socket
import time

from idle import cpu_seconds, tree


class Connection:
    """One request at a time, over and over."""

    def __init__(self, port: int, request: bytes):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.received = b""
        self.asked = 0.0

    def ask(self) -> None:
        self.asked = time.monotonic()
        self.socket.sendall(self.request)

    def answered(self) -> bool:
        """Reads what has come; true when the answer is whole."""
        self.received += self.socket.recv(65536)
        head, gap, body = self.received.partition(b"\r\n\r\n")
        if not gap:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the server answered {self.received[:500]!r}")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < length:
            return False
        self.received = b""
        return True


def pin(pid: int, cores) -> None:
    """Gives a server and its workers these cores."""
    for process in tree(pid):
        for thread in os.listdir(f"/proc/{process}/task"):
            os.sched_setaffinity(int(thread), cores)


def saturate(pid: int, port: int, request: bytes, connections: int, seconds: float) -> tuple[float, float]:
    """Microseconds of CPU per request and requests per second; the first second is not counted."""
    selector = selectors.DefaultSelector()
    opened = [Connection(port, request) for _ in range(connections)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask()
    began, counted, before = time.monotonic(), None, 0.0
    answered = 0
    while (now := time.monotonic()) < began + 1 + seconds:
        if counted is None and now >= began + 1:
            counted, answered, before = now, 0, cpu_seconds(tree(pid))
        for key, _ in selector.select(1):
            if key.data.answered():
                answered += 1
                key.data.ask()
    cost = (cpu_seconds(tree(pid)) - before) / answered * 1e6
    rate = answered / (time.monotonic() - counted)
    for connection in opened:
        connection.socket.close()
    return cost, rate


def latencies(port: int, requests: list[list[bytes]]) -> list[float]:
    """Seconds that each call took, sorted. One connection for each list, all of them at work at once."""
    selector = selectors.DefaultSelector()
    took = []
    for rest in map(list, requests):
        connection = Connection(port, rest.pop(0))
        selector.register(connection.socket, selectors.EVENT_READ, (connection, rest))
        connection.ask()
    while selector.get_map():
        for key, _ in selector.select():
            connection, rest = key.data
            if connection.answered():
                took.append(time.monotonic() - connection.asked)
                if rest:
                    connection.request = rest.pop(0)
                    connection.ask()
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
    return sorted(took)


def paced(port: int, request: bytes, rate: float, seconds: float) -> list[float]:
    """Seconds from when each of a steady stream of calls was due until its answer, sorted; the first second
    is not counted. A call that finds all connections at work waits for one, and the wait counts."""
    selector = selectors.DefaultSelector()
    free = [Connection(port, request) for _ in range(64)]
    for connection in free:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    due_at = {}
    took = []
    began, sent = time.monotonic(), 0
    while len(took) < int((1 + seconds) * rate):
        now = time.monotonic()
        while free and sent < (now - began) * rate and sent < int((1 + seconds) * rate):
            connection = free.pop()
            due_at[connection] = began + sent / rate
            sent += 1
            connection.ask()
        for key, _ in selector.select(0):
            if key.data.answered():
                took.append(time.monotonic() - due_at[key.data])
                free.append(key.data)
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return sorted(took[int(rate) :])


def post(port: int, path: str, body: bytes, headers: str = "") -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
