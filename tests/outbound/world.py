"""tests/outbound/world.py: name servers, peers on one port, and a vsmtp between them."""

import os
import pathlib
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "clients"), str(HERE.parent / "spf")]
import names  # noqa: E402
from peer import Peer  # noqa: E402
from server import Server, until  # noqa: E402

PROGRAM = [os.path.abspath(sys.argv[1])] if len(sys.argv) > 1 else []
FROM = "bob@home.example"
ONE = {"x.example": [("A", "127.0.1.1")], "y.example": [("A", "127.0.1.2")]}


def expect(condition, why=""):
    if not condition:
        raise AssertionError(why)


def free_port(ip="127.0.0.1"):
    with socket.create_server((ip, 0)) as s:
        return s.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


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
                 delivery="", dns=""):
        self.folder = tempfile.TemporaryDirectory()
        self.port = port or free_port()
        self.peers = []
        self.dns = names.Names(self.folder.name, zone)
        config = (
            f'{server}\n[server.smtp]\nopen_relay = true\n{relay}\n'
            f'[server.queues.delivery]\ndeferred_retry_period = "{period}"\n{delivery}\n'
            f'[server.dns]\ntype = "custom"\nconfig = {{ name_servers = ["127.0.0.1:{self.dns.port}"] }}\n'
            f'options = {{ timeout = "1s", attempts = 2{dns} }}\n')
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

    def empty(self, seconds=20):
        until("an empty queue", lambda: not self.server.sql("SELECT 1 FROM queue"), seconds)

    def empty_but_failed(self):
        until("the rest to arrive", lambda: not self.server.sql("SELECT 1 FROM recipient WHERE status = 'pending'"))

    def arrived(self, peer, count=1, seconds=20):
        until(f"{count} mails at {peer.ip}", lambda: len(peer.mails) >= count, seconds)
        expect(len(peer.mails) == count, f"{len(peer.mails)} mails at {peer.ip}")
        return peer.mails


# ---- certificates -----------------------------------------------------------------------------------------

def certificates():
    """An authority, and a certificate of it for each name; made once."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outbound-ca-"))

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
            "-subj", "/CN=root", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    for name in ("x.example", "y.example"):
        (folder / "ext").write_text(f"subjectAltName=DNS:{name}")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", folder / f"{name}.key", "-out", folder / "csr")
        openssl("x509", "-req", "-in", folder / "csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                "-CAcreateserial", "-days", 30, "-extfile", folder / "ext", "-out", folder / f"{name}.pem")
    return folder


CERTS = None


def tls(name):
    global CERTS
    CERTS = CERTS or certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTS / f"{name}.pem", CERTS / f"{name}.key")
    return context


def trusting():
    tls("x.example")
    return {"SSL_CERT_FILE": str(CERTS / "ca.pem")}
