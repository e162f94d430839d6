#!/usr/bin/env python3
"""What a server does at its stop signal, measured on loopback.

    python3 tests/servers/measure.py [--runs N] [--keep-alive] [SERVER …]

Each server of `servers.py` that is installed is started with a handler that takes two seconds. Four
connections are left idle, two requests are in flight, and then comes the signal. A fresh connection
is tried every few milliseconds, and half a second after the signal a request is sent on one of the
idle connections, as a load balancer would that has not heard. Prints a Markdown table; times are
counted from the signal and are medians of the runs. `--keep-alive` instead leaves one connection
idle, up to two minutes, and prints after how long the server closes it.

Python's standard library only; nothing but 127.0.0.1 is spoken to; every wait is bounded.
"""

import argparse
import concurrent.futures
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from servers import SERVERS, SLOW_SECONDS, slow_backend

LONGEST = 12.0  # seconds after the signal; then the server is killed
REUSE_AT = 0.5  # seconds after the signal


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def read_answer(connection, patience):
    """(status, says `Connection: close`), or a word: `silence`, `FIN`, `RST`."""
    connection.settimeout(patience)
    answer = b""
    try:
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                return "FIN"
            answer += piece
    except TimeoutError:
        return "silence"
    except OSError:
        return "RST"
    head = answer.split(b"\r\n\r\n")[0].decode("latin-1").lower()
    return int(head.split()[1]), "connection: close" in head


def ask(port, path="/", patience=1.0):
    """A request on a new connection, and the connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=patience)
    connection.sendall(request(path))
    return connection, read_answer(connection, patience)


def wait_until_up(port, process):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the server ended before it listened")
        try:
            connection, answer = ask(port)
            connection.close()
            if isinstance(answer, tuple) and answer[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the server never answered")


class Server:
    """A server running in a directory of its own."""

    def __init__(self, spec):
        self.directory = tempfile.TemporaryDirectory()
        self.port, self.spec = free_port(), spec
        self.backend = slow_backend()
        command = spec.prepare(self.directory.name, self.port, self.backend.server_address[1])
        if spec.pid_1:
            command = ["unshare", "--pid", "--fork", "--kill-child"] + command
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=self.directory.name, start_new_session=True, **quiet)
        try:
            wait_until_up(self.port, self.process)
        except RuntimeError:
            self.close()
            raise

    def stop(self):
        pid = self.process.pid
        if self.spec.pid_1:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                pid = int(children.read().split()[0])
        os.kill(pid, self.spec.signal)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        self.backend.shutdown()
        self.backend.server_close()
        self.directory.cleanup()


def knock(port, start, log):
    """New connections, one after the other, until they are refused for a second."""
    refused_since = None
    while time.monotonic() - start < LONGEST:
        sent = time.monotonic() - start
        try:
            connection, answer = ask(port, patience=0.5)
            connection.close()
        except ConnectionRefusedError:
            answer = "refused"
        except OSError:
            answer = "RST"
        log.append((sent, answer))
        refused_since = (refused_since or sent) if answer == "refused" else None
        if refused_since is not None and sent - refused_since > 1.0:
            return
        time.sleep(0.003)


def watch(connection, start, log):
    """An idle connection: how it ends."""
    answer = read_answer(connection, LONGEST)
    log.append((time.monotonic() - start, answer))
    hang_up(connection, answer)


def measure(spec):
    server = Server(spec)
    try:
        kept = [connection for connection in (idle_connection(server.port) for _ in range(4)) if connection]
        flying = []
        for _ in range(2):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(request("/slow"))
            flying.append(connection)
        time.sleep(SLOW_SECONDS / 4)
        start = time.monotonic()
        server.stop()
        logs = {"knock": [], "idle": [], "flying": [], "reused": []}
        threads = [threading.Thread(target=knock, args=(server.port, start, logs["knock"]))]
        threads += [threading.Thread(target=watch, args=(c, start, logs["idle"])) for c in kept[1:]]
        threads += [threading.Thread(target=watch, args=(c, start, logs["flying"])) for c in flying]
        threads += [threading.Thread(target=reuse, args=(kept[0], start, logs["reused"]))] if kept else []
        for thread in threads:
            thread.start()
        gone = wait_for_exit(server.process, start)
        for thread in threads:
            thread.join(LONGEST if gone is not None else 0.1)
        return summary(logs, gone)
    finally:
        server.close()


def idle_connection(port):
    """A connection with one answered request behind it; nothing if the server does not keep it."""
    connection, answer = ask(port)
    if isinstance(answer, tuple) and not answer[1] and still_open(connection):
        return connection
    connection.close()
    return None


def still_open(connection):
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if not selector.select(0.05):
            return True
    try:
        return connection.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except OSError:
        return False


def reuse(connection, start, log):
    """An idle connection on which a request is sent after a while, if it is open then."""
    time.sleep(max(0.0, REUSE_AT - (time.monotonic() - start)))
    if not still_open(connection):
        return log.append("closed by then")
    try:
        connection.sendall(request("/"))
    except OSError:
        return log.append("RST")
    answer = read_answer(connection, LONGEST - 2.0)
    hang_up(connection, answer)
    return log.append(said(answer))


def hang_up(connection, answer):
    """A client keeps a connection unless it was told not to."""
    if isinstance(answer, str) or answer[1]:
        connection.close()


def wait_for_exit(process, start):
    while time.monotonic() - start < LONGEST:
        if process.poll() is not None:
            return time.monotonic() - start
        time.sleep(0.002)
    return None


def said(answer):
    if isinstance(answer, str):
        return answer
    return f"{answer[0]}{', `Connection: close`' if answer[1] else ''}"


def summary(logs, gone):
    knocks = logs["knock"]
    refused = next((at for at, answer in knocks if answer == "refused"), None)
    before = sorted({said(answer) for at, answer in knocks if answer != "refused" and (refused is None or at < refused)})
    ends = [said(answer) for _, answer in logs["flying"]] or ["nothing"]
    return {
        "refused": refused,
        "before": " / ".join(before) or "–",
        "idle": max((at for at, _ in logs["idle"]), default=None),
        "reused": "".join(logs["reused"]) or "none kept",
        "flying": " / ".join(sorted(set(ends))),
        "exit": gone,
    }


def times(runs, key, nothing):
    known = [run[key] for run in runs if run[key] is not None]
    if len(known) < len(runs):
        return nothing
    return f"{statistics.median(known):.2f} s"


def words(runs, key):
    return " or ".join(sorted({run[key] for run in runs}))


def at_the_signal(specs, runs):
    print("| server | version | signal | refuses from | new connections until then | idle connections end |"
          " a request on one at 0.5 s | requests in flight end | exits |")
    print("|---" * 9 + "|")
    for spec in specs:
        got = [measure(spec) for _ in range(runs)]
        cells = [spec.name, spec.version(), signal.Signals(spec.signal).name,
                 times(got, "refused", "never"), words(got, "before"),
                 times(got, "idle", "none kept" if words(got, "reused") == "none kept" else "not in 12 s"),
                 words(got, "reused"), words(got, "flying"), times(got, "exit", "not in 12 s")]
        print("| " + " | ".join(cells) + " |", flush=True)


def keep_alive(specs, longest=120.0):
    def waited(spec):
        server = Server(spec)
        try:
            connection = idle_connection(server.port)
            start = time.monotonic()
            end = read_answer(connection, longest) if connection else "at once"
            took = f"{time.monotonic() - start:.1f} s" if connection else end
            return f"not in {longest:.0f} s" if end == "silence" else took
        finally:
            server.close()

    print("| server | version | closes an idle connection after |")
    print("|---|---|---|")
    specs = [spec for spec in specs if not spec.shares_keep_alive]
    with concurrent.futures.ThreadPoolExecutor(len(specs) or 1) as pool:
        for spec, took in zip(specs, pool.map(waited, specs)):
            print(f"| {spec.name} | {spec.version()} | {took} |")


def main():
    arguments = argparse.ArgumentParser(description="What servers do at their stop signal, on loopback.")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--keep-alive", action="store_true")
    arguments.add_argument("server", nargs="*")
    asked = arguments.parse_args()
    wanted = [spec for spec in SERVERS if not asked.server or spec.name in asked.server]
    there = [spec for spec in wanted if spec.installed()]
    for spec in wanted:
        if spec not in there:
            print(f"{spec.name}: not installed", file=sys.stderr)
    if asked.keep_alive:
        keep_alive(there)
    else:
        at_the_signal(there, max(1, asked.runs))


if __name__ == "__main__":
    main()
