"""tests/kit.py: what every runner in Python has in common.

A runner is `RUNNER.py VSMTP [PART]`: functions that are tests, and at its end kit.main("RUNNER", [them]).
A test fails by an exception, and raises Skip where it cannot run. Whatever must become true is waited for
with patience, because a machine may be slow; a test that is meant to fail fast says so itself.
"""

import atexit
import contextlib
import io
import itertools
import os
import pathlib
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = [os.path.abspath(sys.argv[1])] if len(sys.argv) > 1 else []  # and what must stand before it


class Skip(Exception):
    """Why a test cannot run here."""


def expect(condition, why=""):
    if not condition:
        raise AssertionError(why)


def until(what, true, seconds=60, pause=0.02):
    """Waits for true() to be so, and returns what it gave."""
    end = time.monotonic() + seconds
    while not (result := true()):
        expect(time.monotonic() < end, f"waited {seconds} s for {what}")
        time.sleep(pause)
    return result


def run(*command, stdin="", timeout=120, env=None):
    """Status and output of a program."""
    done = subprocess.run([str(word) for word in command], input=stdin.encode(), timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout.decode(errors="replace")


def needs_root(why="needs root"):
    if os.geteuid() != 0:
        raise Skip(why)


# ---- the machine ------------------------------------------------------------------------------------------

def machine():
    """tests/machine where anybody may read it, with whoever runs the tests among its people."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vsmtp-machine-"))
    atexit.register(lambda made_by=os.getpid(): made_by == os.getpid() and shutil.rmtree(folder, True))
    shutil.copytree(TOP / "tests/machine", folder, dirs_exist_ok=True)
    with open(folder / "etc/passwd", "a", encoding="utf-8") as file, contextlib.suppress(KeyError):
        me = pwd.getpwuid(os.getuid())
        if me.pw_uid not in (0, 1, 8, 65534):
            file.write(f"{me.pw_name}:x:{me.pw_uid}:{me.pw_gid}:{me.pw_gecos}:{folder}/home:/bin/sh\n")
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", folder], check=True)
    os.environ["VSMTP_ROOT"] = str(folder)


machine()

# ---- open files -------------------------------------------------------------------------------------------

def raise_files():
    """As many open files as the system lets us have, and whatever we start: many systems begin with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)  # some programs close each that there may be
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def needs_files(count):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < count:
        raise Skip(f"needs {count} open files, and {soft} are allowed: as root, ulimit -n {count}")


raise_files()


# ---- ports ------------------------------------------------------------------------------------------------

claims = []


def free_port(among=range(10000, 65536)):
    """A port that nobody uses, over TCP or UDP, at any address. It is none of those that the kernel gives
    out by itself, and as long as this process lives no other test gets it: a socket has its number for name."""
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    while True:
        port = random.choice(among)
        if low <= port <= high and high - low < 50000:
            continue
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0vsmtp-tests-{port}")
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port


def stop_listening(listener):
    """Closing alone would leave it open, and its port taken, while a thread waits in accept()."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


# ---- other people's programs ------------------------------------------------------------------------------

def unpacked(*packages):
    """The folder tests/peers.sh puts them in, and what LD_LIBRARY_PATH must be."""
    got = subprocess.run([TOP / "tests/peers.sh", *packages], capture_output=True, text=True)
    if got.returncode != 0:
        raise Skip(f"{' '.join(packages)}: {got.stderr.strip()}")
    top = pathlib.Path(got.stdout.strip())
    folders = [top / "usr/lib/postfix", top / "usr/lib/dovecot", *top.glob("usr/lib/*-linux-*"),
               *top.glob("usr/lib/*-linux-*/blas")]
    return top, {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


class Daemon:
    """One of them, from when ready() is so until stop()."""

    def __init__(self, ready, *command, env=None, **how):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(word) for word in command], env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.output, **how)
        try:
            until(f"{command[0]} to be ready", lambda: self.process.poll() is not None or ready())
            expect(self.process.poll() is None, f"{command[0]} ended")
        except AssertionError as why:
            self.stop()
            raise AssertionError(f"{why}: {self.said()[-1000:]}") from None

    def said(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def stop(self):
        if sys.exc_info()[0]:  # a test fails
            print(*self.said().splitlines()[-10:], sep="\n")
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def lives(pid):
    """Is it at work? One that has ended may lie there long, where the process with number 1 collects none."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def listens(port, ip="127.0.0.1"):
    """Does somebody? Asks without connecting."""
    at = "%02X%02X%02X%02X:%04X" % (*reversed(socket.inet_aton(ip)), port)
    return re.search(rf": {at} 00000000:0000 0A", pathlib.Path("/proc/net/tcp").read_text())


# ---- certificates -----------------------------------------------------------------------------------------

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
IS_CA = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign"  # RFC 5280 4.2.1.3
KEY_IDS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"  # 4.2.1.1, 4.2.1.2


def openssl(*words):
    status, said = run("openssl", *words)
    expect(status == 0, said)


def authority(folder):
    """folder/root.crt and .key"""
    openssl("req", "-x509", *EC, "-nodes", "-days", 30, "-subj", "/CN=root",
            *itertools.chain(*(("-addext", line) for line in IS_CA.splitlines())),
            "-keyout", folder / "root.key", "-out", folder / "root.crt")


def certificate(folder, name, extension, by="root", key=EC, days=30):
    """folder/name.crt and .key, signed by another one"""
    at = folder / name
    openssl("req", "-new", "-nodes", *key, "-subj", f"/CN={name}", "-keyout", f"{at}.key", "-out", f"{at}.csr")
    pathlib.Path(f"{at}.ext").write_text(KEY_IDS + extension + "\n")
    openssl("x509", "-req", "-in", f"{at}.csr", "-CA", folder / f"{by}.crt", "-CAkey", folder / f"{by}.key",
            "-CAcreateserial", "-days", days, "-extfile", f"{at}.ext", "-out", f"{at}.crt")


# ---- main -------------------------------------------------------------------------------------------------

def tests_of(names):
    """The functions of a module whose names begin with test_."""
    return [f for name, f in names.items() if name.startswith("test_")]


def main(runner, tests, call=lambda test: test()):
    """Runs those that are asked for. What a test prints stands behind the word that it failed."""
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    nth, of = map(int, (sys.argv[3] if len(sys.argv) > 3 else "1/1").split("/"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    ended = {"ok": 0, "skip": 0, "FAIL": 0}
    names = [f"{runner}/{test.__name__.removeprefix('test_')}" for test in tests]
    wanted = [(name, test) for name, test in zip(names, tests) if part in name]
    for name, test in wanted[nth % of::of]:
        said, began = io.StringIO(), time.monotonic()
        try:
            with contextlib.redirect_stdout(said):
                call(test)
            how, why, where = "ok", f"{time.monotonic() - began:.1f} s", ""
        except Skip as reason:
            how, why, where = "skip", str(reason), ""
        except Exception as error:
            how, why, where = "FAIL", str(error)[-300:], traceback.format_exc(limit=-3)
        ended[how] += 1
        print(f"{how} {name}: {' '.join(why.split())}\n{where}{said.getvalue()}", end="", flush=True)
    print(f"{ended['ok']} passed, {ended['FAIL']} failed")
    sys.exit(1 if ended["FAIL"] else 0)
