"""A writer that shares db.lock with sqlock: fcntl.flock, polled, and the SQLite of Python. See ../README.md."""

import fcntl
import json
import os
import random
import select
import sqlite3
import sys
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

TIMEOUT = 0.5
FIRST_PAUSE, LAST_PAUSE = 0.005, 0.05


class LockTimeout(Exception):
    """Somebody else had the lock at every attempt; `holder` is what db.lock said at the last one."""

    def __init__(self, holder):
        super().__init__(f"write lock timeout, held by pid {holder.get('pid')} since {holder.get('time')}")
        self.holder = holder


@contextmanager
def write_lock(directory, timeout=TIMEOUT):
    fd = acquire(directory / "db.lock", timeout)
    try:
        # A killed holder may have left a longer text.
        os.ftruncate(fd, 0)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        # The text is for people: a disk without room for it does not fail the hold.
        with suppress(OSError):
            os.pwrite(fd, f"pid:{os.getpid()}\ntime:{now}\n".encode(), 0)
        yield
    finally:
        os.ftruncate(fd, 0)
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def acquire(path, timeout):
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while (fd := attempt(path)) is None:
        if time.monotonic() >= deadline:
            raise LockTimeout(read_holder(path))
        time.sleep(pause)
        pause = min(pause * 2, LAST_PAUSE)
    return fd


def attempt(path):
    """A descriptor that has the lock, or None. Python opens all of them with O_CLOEXEC."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # What was deleted meanwhile is locked for nobody.
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def read_holder(path):
    # Whoever deletes it does so under the lock, and the next holder makes it anew.
    with suppress(FileNotFoundError):
        return parse_holder(path.read_text(errors="replace"))
    return {}


def parse_holder(text):
    lines = text.splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def hold(directory, timeout_ms=500):
    with write_lock(directory, int(timeout_ms) / 1000):
        stop_at("held")
    print("released", flush=True)


def try_lock(directory, timeout_ms):
    try:
        with write_lock(directory, int(timeout_ms) / 1000):
            report(granted=True)
    except LockTimeout as refusal:
        report(granted=False, pid=int(refusal.holder.get("pid", 0)), since=refusal.holder.get("time", ""))


def count(directory, times):
    stop_at("ready")
    timeouts = done = 0
    while done < int(times):
        try:
            with write_lock(directory):
                increment(directory)
            done += 1
        except LockTimeout:
            timeouts += 1
    report(timeouts=timeouts)


def increment(directory):
    counter, inside = directory / "counter", directory / "inside"
    inside.touch(exist_ok=False)
    value = int(counter.read_text())
    time.sleep(0.0005)
    counter.write_text(str(value + 1))
    inside.unlink()


def insert(directory, name, count):
    stop_at("ready")
    timeouts, written, max_wait = 0, [], 0.0
    for value in range(int(count)):
        time.sleep(random.uniform(0.005, 0.015))
        called = time.monotonic()
        try:
            with write_lock(directory):
                max_wait = max(max_wait, time.monotonic() - called)
                insert_record(directory / "app.db", name, value)
            written.append(value)
        except LockTimeout:
            timeouts += 1
    report(timeouts=timeouts, written=written, maxWaitMs=max_wait * 1000)


def insert_record(path, name, value):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO records (name, value) VALUES (?, ?)", (name, value))


def work(directory, name, evidence):
    """Inserts records until stdin ends, each under a hold that leaves evidence: see ../../stress/README.md."""
    evidence = Path(evidence)
    journal, notes = (os.open(evidence / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for file in ("journal", f"notes-{name}"))
    counter = os.open(evidence / "counter", os.O_RDWR)
    print("ready", flush=True)
    n = 0
    while not select.select([sys.stdin], [], [], random.uniform(0, 0.03))[0]:
        key = f"{name}-{n}"
        n += 1
        try:
            with write_lock(directory), witness(name, journal, counter):
                insert_record(directory / "app.db", key, n)
            note = f"+ {key}"
        except LockTimeout:
            note = f"- {key} timeout"
        except sqlite3.OperationalError as error:
            note = f"? {key} {error}"
        os.write(notes, f"{note}\n".encode())


@contextmanager
def witness(name, journal, counter):
    value = int(os.pread(counter, 12, 0))
    os.write(journal, f"enter {name} {value}\n".encode())
    try:
        yield
    finally:
        os.pwrite(counter, f"{value + 1:012}".encode(), 0)
        os.write(journal, f"leave {name} {value + 1}\n".encode())


def stop_at(point):
    """Says how far it has got, and goes on at a line of stdin or at its end."""
    print(point, flush=True)
    sys.stdin.readline()


def report(**result):
    print(json.dumps(result), flush=True)


COMMANDS = {"hold": hold, "try": try_lock, "count": count, "insert": insert, "work": work}

if __name__ == "__main__":
    command, directory, *arguments = sys.argv[1:]
    COMMANDS[command](Path(directory), *arguments)
