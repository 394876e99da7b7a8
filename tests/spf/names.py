"""tests/spf/names.py: real name servers on loopback, for tests.

knot answers with authority for a root zone that holds what the test says, so every other name does
not exist. dnsmasq stands before it when a name shall be silent: it forwards that name to a socket
nobody reads. Both come from tests/peers.sh, run in the foreground, and know nothing of the system.
"""

import pathlib
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import Daemon, free_port, unpacked  # noqa: E402


def escape(octets, quoted=False):
    """Octets as a zone file wants them."""
    plain = b" !#$%&'()*+,-./:;<=>?@[]^_`{|}~" if quoted else b"-._*"
    return "".join(chr(c) if chr(c).isalnum() and c < 128 or c in plain else "\\%03d" % c for c in octets)


def name(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return escape(octets.rstrip(b".")) + "."


def txt(value):
    """One TXT record: a list of strings, or octets that are cut every 255."""
    if not isinstance(value, list):
        value = [value[i : i + 255] for i in range(0, len(value), 255)] or [b""]
    return " ".join('"%s"' % escape(v, True) for v in value)


def answers(port):
    """Does somebody there know the root zone?"""
    question = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\0" + struct.pack(">2H", 6, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            s.connect(("127.0.0.1", port))
            s.send(question)
            return s.recv(512)[3] & 15 == 0
        except OSError:
            return False


class Names:
    """Serves records {name: [(type, text)]}; text as in a zone file. `silent` names answer nothing but
    the TXT records in `spoken` {name: text}; those below `broken` names answer SERVFAIL."""

    def __init__(self, folder, records, silent=(), spoken=None, broken=()):
        self.folder = pathlib.Path(folder)
        self.root, self.env = unpacked("knot", "dnsmasq-base")
        self.running = []
        self.dead = None
        self.port = self.knot = self.start_knot(records, broken)
        if silent:
            self.port = self.start_dnsmasq(silent, spoken or {}, records)

    def start(self, port, *command):
        try:
            self.running.append(Daemon(lambda: answers(port), *command, env=self.env, cwd=self.folder))
        except BaseException:
            self.stop()
            raise
        return port

    def start_knot(self, records, broken):
        port = free_port()
        lines = [". 60 SOA ns. root. 1 60 60 60 60", ". 60 NS ns.", "ns. 60 A 127.0.0.1"]
        lines += [f"{name(b)} 60 NS ns." for b in broken]
        lines += [f"{name(n)} 60 {t} {d}" for n, rr in records.items() for t, d in rr]
        (self.folder / "root.zone").write_text("\n".join(lines) + "\n")
        zones = [f"  - domain: {name(b)}\n    file: missing.zone\n" for b in broken]
        (self.folder / "knot.conf").write_text(
            f"server:\n  listen: 127.0.0.1@{port}\n  rundir: {self.folder}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"  background-workers: 1\n"
            f"database:\n  storage: {self.folder}/db\n"
            f"control:\n  listen: {self.folder}/knot.sock\n"
            f"log:\n  - target: stderr\n    any: warning\n"
            f"template:\n  - id: default\n    storage: {self.folder}\n    zonefile-sync: -1\n    journal-content: none\n"
            f"    semantic-checks: off\n"
            f"zone:\n  - domain: .\n    file: root.zone\n" + "".join(zones)
        )
        return self.start(port, self.root / "usr/sbin/knotd", "-c", self.folder / "knot.conf")

    def start_dnsmasq(self, silent, spoken, records):
        port = free_port()
        self.dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.dead.bind(("127.0.0.1", 0))
        conf = [
            "no-resolv", "no-hosts", "bind-interfaces", "listen-address=127.0.0.1", f"port={port}", "cache-size=0",
            "user=", "group=", "pid-file=", "dns-forward-max=5000", f"server=127.0.0.1#{self.port}",
        ]
        conf += [f"server=/{n}/127.0.0.1#{self.dead.getsockname()[1]}" for n in silent]
        below = [n for n in records if isinstance(n, str) and any(n.endswith("." + q) for q in silent)]
        conf += [f"server=/{n}/127.0.0.1#{self.port}" for n in below]
        conf += [f'txt-record={n},"{t}"' for n, t in spoken.items()]
        (self.folder / "dnsmasq.conf").write_text("\n".join(conf) + "\n")
        return self.start(port, self.root / "usr/sbin/dnsmasq", "-k", "-C", self.folder / "dnsmasq.conf")

    def stop(self):
        for daemon in self.running:
            daemon.stop()
        self.running = []
        if self.dead:
            self.dead.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def configuration(folder, port, timeout="5s", attempts=2):
    """A file for -c that asks 127.0.0.1:port alone."""
    path = pathlib.Path(folder) / f"vsmtp-{port}.toml"
    path.write_text(
        f'version_requirement = ">=1.0.0"\n[server]\ndomain = "home.example"\n'
        f'[server.dns]\ntype = "custom"\nconfig = {{ name_servers = ["127.0.0.1:{port}"] }}\n'
        f'options = {{ timeout = "{timeout}", attempts = {attempts} }}\n'
    )
    return path


def spf(vsmtp, conf, ip, helo, sender):
    """Exit status, the word, and the lines behind it by their keys."""
    done = subprocess.run(
        [vsmtp, "spf", "-c", conf, "--ip", ip, "--helo", helo, "--mail-from", sender],
        capture_output=True, timeout=60, check=False,
    )
    lines = done.stdout.decode("latin-1").splitlines()
    return done.returncode, lines[0] if lines else "", dict(l.split(": ", 1) for l in lines[1:]), done.stderr.decode("latin-1")
