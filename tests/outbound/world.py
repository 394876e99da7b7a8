"""tests/outbound/world.py: name servers, peers on one port, and a vsmtp between them."""

import atexit
import functools
import pathlib
import shutil
import smtplib
import socket
import ssl
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "clients"), str(HERE.parent / "spf")]
import kit  # noqa: E402
import names  # noqa: E402
from kit import PROGRAM, Skip, expect, free_port, until  # noqa: E402
from peer import Peer  # noqa: E402
from server import Server  # noqa: E402

FROM = "bob@home.example"
ONE = {"x.example": [("A", "127.0.1.1")], "y.example": [("A", "127.0.1.2")]}


def needs_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        raise Skip("no IPv6 on this machine's loopback") from None


def mx(*hosts, **addresses):
    """A zone: x.example with MX hosts (preference, name), and their addresses."""
    zone = {"x.example": [("MX", f"{p} {h}.x.example.") for p, h in hosts]}
    for name, ips in addresses.items():
        for ip in ips if isinstance(ips, list) else [ips]:
            zone.setdefault(f"{name}.x.example", []).append(("AAAA" if ":" in ip else "A", ip))
    return zone


class World:
    """Name servers, peers on one port, and a vsmtp between them."""

    def __init__(self, zone, way="", period="1s", server="", relay="", rules=None, env=None, port=None,
                 delivery="", dns="", patience="10s"):
        self.folder = tempfile.TemporaryDirectory()
        self.port = port or free_port()
        self.peers = []
        self.dns = names.Names(self.folder.name, zone)
        config = (
            f'{server}\n[server.smtp]\nopen_relay = true\n{relay}\n'
            f'[server.queues.delivery]\ndeferred_retry_period = "{period}"\n{delivery}\n'
            f'[server.dns]\ntype = "custom"\nconfig = {{ name_servers = ["127.0.0.1:{self.dns.port}"] }}\n'
            f'options = {{ timeout = "{patience}", attempts = 2{dns} }}\n')
        rules = rules or {"main.vsl": '#{ rcpt: [ action "way" || { %s }, rule "all" || accept() ] }' % way}
        self.server = Server(PROGRAM, rules, config, mailboxes=("alice", "bob"),
                             env=dict(env or {}, VSMTP_MX_PORT=str(self.port)))

    def peer(self, ip, **how):
        self.peers.append(Peer(ip, how.pop("port", self.port), **how))
        return self.peers[-1]

    def __enter__(self):
        try:
            self.server.__enter__()
        except BaseException:
            self.dns.stop()
            raise
        return self

    def __exit__(self, *what):
        try:
            self.server.__exit__(*what)
        finally:
            for p in self.peers:
                p.stop()
            self.dns.stop()
            self.folder.cleanup()

    def send(self, *to, sender=FROM, text="Subject: x\r\n\r\nhello\r\n", options=()):
        with smtplib.SMTP("127.0.0.1", self.server.port, "me.example", 30) as c:
            c.sendmail(sender, list(to), text, mail_options=options)

    def recipients(self):
        return self.server.sql("SELECT address, status, last_reply FROM recipient")

    def reply(self, address, status):
        """The last reply of a recipient, once it has that status."""
        def found():
            return [r for a, s, r in self.recipients() if a == address and s == status and r]
        return until(f"{address} {status}", found)[0]

    def log(self):
        return (self.server.dir / "server.log").read_text(errors="replace")

    def says(self, text):
        """The log does, soon: it is written behind what a peer has seen."""
        until(f"a line of the log: {text}", lambda: text in self.log())

    def empty(self, seconds=60):
        until("an empty queue", lambda: not self.server.sql("SELECT 1 FROM queue"), seconds)

    def empty_but_failed(self):
        until("the rest to arrive", lambda: not self.server.sql("SELECT 1 FROM recipient WHERE status = 'pending'"))

    def arrived(self, peer, count=1, seconds=60):
        until(f"{count} mails at {peer.ip}", lambda: len(peer.mails) >= count, seconds)
        expect(len(peer.mails) == count, f"{len(peer.mails)} mails at {peer.ip}")
        return peer.mails


# ---- certificates -----------------------------------------------------------------------------------------

@functools.cache
def certificates():
    """An authority, and a certificate of it for each name; made once."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outbound-certs-"))
    atexit.register(shutil.rmtree, folder)
    kit.authority(folder)
    for name in ("x.example", "y.example"):
        kit.certificate(folder, name, f"subjectAltName=DNS:{name}")
    return folder


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates() / f"{name}.crt", certificates() / f"{name}.key")
    return context


def trusting():
    return {"SSL_CERT_FILE": str(certificates() / "root.crt")}
