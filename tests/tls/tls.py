#!/usr/bin/env python3
"""Encrypted conversations: tls.py PROGRAM [PART].

Python's ssl is the client that does as told; openssl, swaks, curl, msmtp and Postfix's TLS client are
those that people have. Certificates are made here, by openssl: an authority, an intermediate one, and
by that mail.home.example (EC, with its chain) and virtual.example (RSA).
"""

import atexit
import contextlib
import email
import functools
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests" / "clients"), str(TOP / "tests" / "outbound")]
import kit  # noqa: E402
from kit import expect, openssl, run, unpacked, until  # noqa: E402
from server import Server  # noqa: E402

FROM, TO = "bob@elsewhere.example", "alice@home.example"
RULES = {"main.vsl": """#{
  connect: [ action "note" || log("warn",
    `connect secured=${is_secured()} name=${server_name()}`) ],
  rcpt: [ rule "ours" || if rcpt().domain == "home.example" { next() } else { deny() } ],
}"""}


# ---- certificates --------------------------------------------------------------------------------

CERTS = pathlib.Path(tempfile.mkdtemp(prefix="vsmtp-certs-"))
atexit.register(shutil.rmtree, CERTS)
RSA = ("-newkey", "rsa:2048")


@functools.cache
def make_certificates():
    def named(name, *alternatives, **how):
        kit.certificate(CERTS, name, "subjectAltName=" + ",".join(f"DNS:{a}" for a in alternatives), "middle", **how)
    kit.authority(CERTS)
    kit.certificate(CERTS, "middle", kit.IS_CA)
    named("main", "mail.home.example", "home.example")
    named("virtual", "virtual.example", "*.virtual.example", key=RSA)
    named("other", "mail.home.example")
    named("expired", "mail.home.example", days=0)
    chain = (CERTS / "middle.crt").read_text()
    for name in ("main", "virtual", "other"):
        with open(CERTS / f"{name}.crt", "a") as file:
            file.write(chain)


def tls_config(level="May", more="", virtual=True):
    text = f"""tls.security_level = "{level}"
tls.protocol_version = ">=TLSv1.2"
tls.certificate = "tls.crt"
tls.private_key = "tls.key"
{more}
"""
    return text + ("""virtual."virtual.example".tls = { protocol_version = "TLSv1.2", """
                   """certificate = "v.crt", private_key = "v.key" }""" if virtual else "")


def install(server, name, at="tls"):
    """Puts a certificate where the configuration wants it, as certbot does: each file at once."""
    for kind in ("crt", "key"):
        new = server.dir / f"{at}.{kind}.new"
        shutil.copy(CERTS / f"{name}.{kind}", new)
        new.chmod(0o600)
        new.rename(server.dir / f"{at}.{kind}")


def server_of(program, **options):
    options.setdefault("server", tls_config())
    options.setdefault("interfaces", 'addr_submissions = ["127.0.0.1:0"]')
    server = Server(program, RULES, **options)
    install(server, "main")
    install(server, "virtual", "v")
    return server


# ---- a client ------------------------------------------------------------------------------------

def context(verify=True):
    c = ssl.create_default_context(cafile=str(CERTS / "root.crt"))
    c.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    if not verify:
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
    return c


class Client:
    """Says what it is told, and hears replies."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def secure(self, name="mail.home.example", with_context=None, session=None):
        self.socket = (with_context or context()).wrap_socket(
            self.socket, server_hostname=name, session=session)
        self.left = b""

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        while b"\n" not in self.left:
            got = self.socket.recv(65536)
            if not got:
                return ""
            self.left += got
        line, self.left = self.left.split(b"\n", 1)
        return line.decode().rstrip("\r")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines

    def say(self, command, want):
        self.send(command + "\r\n")
        return self.hear(want)

    def hear(self, want):
        lines = self.reply()
        expect(lines[-1].startswith(want), f"not {want}: {lines}")
        return lines

    def is_closed(self):
        try:
            return self.socket.recv(100) == b""
        except (ConnectionError, ssl.SSLError):
            return True


def starttls(server, name="mail.home.example", with_context=None, session=None):
    c = Client(server.ports[0])
    c.hear("220")
    c.say("EHLO me.example", "250")
    c.say("STARTTLS", "220 2.0.0")
    c.secure(name, with_context, session)
    return c


def submissions(server, name="mail.home.example", with_context=None):
    c = Client(server.ports[1])
    c.secure(name, with_context)
    return c


def mail(c, text="Subject: x\r\n\r\nhello\r\n", want="250 2.0.0"):
    c.say(f"MAIL FROM:<{FROM}>", "250")
    c.say(f"RCPT TO:<{TO}>", "250")
    c.say("DATA", "354")
    c.send(text)
    c.say(".", want)


# ---- STARTTLS ------------------------------------------------------------------------------------

def test_conversation(program):
    with server_of(program) as server, Client(server.ports[0]) as c:
        c.hear("220")
        expect("250-STARTTLS" in c.say("EHLO me.example", "250"))
        c.say("STARTTLS now", "501")
        c.say("STARTTLS", "220 2.0.0 Ready")
        c.secure()
        c.say("MAIL FROM:<a@b.example>", "503 5.5.1")  # RFC 3207 4.2: nothing is known any more
        expect("STARTTLS" not in " ".join(c.say("EHLO me.example", "250")))
        c.say("STARTTLS", "554 5.5.1")
        mail(c)
        (text,) = server.mails(count=1)
        received = email.message_from_bytes(text)["Received"]
        expect(re.search(r"with ESMTPS id", received), received)
        expect(re.search(r"tls TLS_[A-Z0-9_]+ \(TLSv1\.[23]\);", received), received)
        c.say("QUIT", "221")
        app = (server.dir / "app.log").read_text()
        expect("secured=false name=home.example" in app, app)
        expect("secured=true name=mail.home.example" in app, app)


def test_forgets_what_was_clear(program):
    with server_of(program) as server, Client(server.ports[0]) as c:
        c.hear("220")
        c.say("EHLO me.example", "250")
        c.say(f"MAIL FROM:<{FROM}>", "250")
        c.say(f"RCPT TO:<{TO}>", "250")
        c.say("STARTTLS", "220")
        c.secure()
        c.say("DATA", "503")
        c.say(f"RCPT TO:<{TO}>", "503")
        c.say("EHLO me.example", "250")
        c.say(f"RCPT TO:<{TO}>", "503")
        mail(c)


def test_injection(program):
    with server_of(program) as server:
        for behind in ("RSET\r\n", "MAIL FROM:<>\r\n", "\r\n", "x"):
            with Client(server.ports[0]) as c:
                c.hear("220")
                c.say("EHLO me.example", "250")
                c.send("STARTTLS\r\n" + behind)
                c.hear("501 5.5.2")
                expect(c.is_closed(), "open after an injection")
        with Client(server.ports[0]) as c:  # later: it is taken for a handshake, which it is not
            c.hear("220")
            c.say("EHLO me.example", "250")
            c.say("STARTTLS", "220")
            c.send("RSET\r\nNOOP\r\n")
            got = c.left + c.socket.recv(1000)
            expect(got[:1] in (b"\x15", b""), f"not an alert: {got}")
            expect(c.is_closed(), "open after clear text")
        with starttls(server) as c:
            c.say("NOOP", "250")


def test_warnings_without_end(program):
    """Records that say nothing, as fast as they can be sent: others are served meanwhile."""
    begun = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(ssl.MemoryBIO(), begun, server_hostname="mail.home.example").do_handshake()

    def flood(c):
        end = time.monotonic() + 5
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                c.send(b"\x15\x03\x03\x00\x02\x01\x5a" * 9000)
    with server_of(program) as server:
        for hello in (b"", begun.read()):
            with Client(server.ports[0]) as c:
                c.hear("220")
                c.say("EHLO me.example", "250")
                c.say("STARTTLS", "220")
                c.send(hello)
                flooding = threading.Thread(target=flood, args=(c,))
                flooding.start()
                time.sleep(0.5)
                began = time.monotonic()
                with Client(server.ports[0]) as other:
                    other.hear("220")
                    other.say("EHLO me.example", "250")
                expect(time.monotonic() - began < 4, f"served after {time.monotonic() - began} s")
                flooding.join()
        expect("the handshake does not end" in (server.dir / "server.log").read_text())


def test_slowed_client(program):
    """A reply that is held back must not come in the middle of a handshake."""
    more = "smtp.error = { soft_count = 1, hard_count = 20, delay = '300ms' }"
    with server_of(program, server=tls_config(more=more)) as server, Client(server.ports[0]) as c:
        c.hear("220")
        for _ in range(3):
            c.say("NONSENSE", "500")
        c.say("EHLO me.example", "250")
        c.say("STARTTLS", "220")
        c.secure()
        c.say("EHLO me.example", "250")
        c.say("NONSENSE", "500")


def test_rules_may_refuse_the_second_time(program):
    rules = {"main.vsl": '#{ connect: [ rule "c" || if is_secured() { deny() } else { next() } ] }'}
    server = Server(program, rules, server=tls_config())
    install(server, "main")
    install(server, "virtual", "v")
    with server, starttls(server) as c:
        c.send("EHLO me.example\r\n")
        c.hear("554")
        expect(c.is_closed(), "open after deny")


def test_must_encrypt(program):
    with server_of(program, server=tls_config("Encrypt")) as server, Client(server.ports[0]) as c:
        c.hear("220")
        c.say("EHLO me.example", "250")
        c.say(f"MAIL FROM:<{FROM}>", "530 5.7.0")
        c.say("STARTTLS", "220")
        c.secure()
        c.say("EHLO me.example", "250")
        mail(c)


def test_without_tls(program):
    with Server(program, RULES) as server, Client(server.ports[0]) as c:
        c.hear("220")
        expect("STARTTLS" not in " ".join(c.say("EHLO me.example", "250")))
        c.say("STARTTLS", "454 4.7.0")
        c.say("NOOP", "250")


def test_first_byte(program):
    with server_of(program) as server, submissions(server) as c:
        c.hear("220 home.example")
        expect("STARTTLS" not in " ".join(c.say("EHLO me.example", "250")))
        c.say("STARTTLS", "554 5.5.1")
        c.say(f"MAIL FROM:<{FROM}>", "530")  # a submission listener wants AUTH
        c.say("QUIT", "221")
    with server_of(program) as server, Client(server.ports[1]) as c:
        c.send("EHLO me.example\r\n")
        got = c.socket.recv(1000)
        expect(got[:1] in (b"\x15", b""), f"not an alert: {got}")


def test_bytes_and_megabytes(program):
    with server_of(program) as server, starttls(server) as c:
        for byte in "EHLO me.example\r\n":
            c.send(byte)
        c.hear("250")
        c.send("NOOP\r\n" * 90)
        for _ in range(90):
            c.hear("250")
        body = b"".join(b"%07d %s\r\n" % (n, b"x" * (n % 900)) for n in range(20000))
        mail(c, b"Subject: large\r\n\r\n" + body)
        (text,) = server.mails(count=1)
        expect(text.endswith(b"\n\n" + body.replace(b"\r\n", b"\n")), "the body differs")


def test_nothing_behind_the_end(program):
    """CVE-2026-45185: the encrypted text ends amid a mail, then clear text comes."""
    with server_of(program) as server:
        c = starttls(server)
        c.say("EHLO me.example", "250")
        c.say(f"MAIL FROM:<{FROM}>", "250")
        c.say(f"RCPT TO:<{TO}>", "250")
        c.say("DATA", "354")
        c.send("Subject: x\r\n\r\nhalf")
        plain = socket.socket(fileno=os.dup(c.socket.fileno()))
        with contextlib.suppress(OSError):
            c.socket.unwrap()
        with contextlib.suppress(OSError):
            plain.sendall(b"\r\n.\r\nMAIL FROM:<a@b>\r\n")
        plain.close()
        c.socket.close()
        until("no session", lambda: "closed" in (server.dir / "server.log").read_text())
        expect(not server.sql("SELECT 1 FROM message"), "something is kept")
        with starttls(server) as c:
            c.say("NOOP", "250")


# ---- certificates --------------------------------------------------------------------------------

def name_of(c):
    names = [value for kind, value in c.socket.getpeercert()["subjectAltName"]]
    return names[0]


def test_names(program):
    with server_of(program) as server:
        for asked, given, known in (("mail.home.example", "mail.home.example", "mail.home.example"),
                                    ("virtual.example", "virtual.example", "virtual.example"),
                                    ("MX.Virtual.Example", "virtual.example", "mx.virtual.example")):
            with submissions(server, asked) as c:
                expect(name_of(c) == given, f"{asked}: {name_of(c)}")
            until(known, lambda: f"secured=true name={known}" in
                  (server.dir / "app.log").read_text())
        anybody = context()
        anybody.check_hostname = False
        for asked in ("unknown.example", None):  # no name, or one of somebody else: the main one
            with submissions(server, asked, anybody) as c:
                expect(name_of(c) == "mail.home.example", name_of(c))
                c.hear("220")
        until("name=home.example", lambda: (server.dir / "app.log").read_text().count(
            "secured=true name=home.example") == 2)


def test_versions(program):
    """Whatever a client would put up with, it gets nothing below 1.2 and no weak suite."""
    with server_of(program, server=tls_config(virtual=False)) as server:
        for old in ("-ssl3", "-tls1", "-tls1_1"):
            status, said = run("openssl", "s_client", old, "-cipher", "ALL:@SECLEVEL=0", "-connect",
                               f"127.0.0.1:{server.ports[1]}", stdin="QUIT\n")
            expect("Cipher is (NONE)" in said or "unknown option" in said.lower(), f"{old}: {said}")
        every = run("openssl", "ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")[1]
        for at, allowed in (("main", "ECDHE-ECDSA-"), ("virtual", "ECDHE-RSA-")):
            install(server, at)
            server.process.send_signal(signal.SIGHUP)
            until("reload", lambda: (server.dir / "server.log").read_text().count("reloaded") == (
                1 if at == "main" else 2))
            taken, left = [], every.strip().split(":")
            while left:  # what it chose is not offered the next time
                said = run("openssl", "s_client", "-tls1_2", "-cipher",
                           ":".join(left) + ":@SECLEVEL=0", "-connect",
                           f"127.0.0.1:{server.ports[1]}", stdin="QUIT\n")[1]
                chosen = re.search(r"Cipher is ([A-Z0-9-]+)", said)
                if not chosen:
                    break
                taken.append(chosen[1])
                left.remove(chosen[1])
            expect(sorted(taken) == [allowed + end for end in (
                "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")], f"{taken}")


def test_only_what_is_configured(program):
    more = 'tls.cipher_suite = ["ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]\n'
    config = tls_config(more=more, virtual=False).replace(">=TLSv1.2", "TLSv1.2")
    with server_of(program, server=config) as server:
        with starttls(server) as c:
            expect(c.socket.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305", c.socket.cipher())
        other = context()
        other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        other.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            starttls(server, with_context=other)
            raise AssertionError("a suite that is not configured")
        except ssl.SSLError as error:
            expect("HANDSHAKE_FAILURE" in str(error).upper(), error)
        with Client(server.ports[0]) as c:
            c.hear("220")
    has_13 = "mbedtls 3" in run(*program, "--version")[1]
    server = server_of(program, server=tls_config(virtual=False).replace(">=TLSv1.2", "TLSv1.3"))
    said = check(server, 0 if has_13 else 78)
    expect(has_13 or "cannot speak TLSv1.3; add TLSv1.2" in said, said)
    shutil.rmtree(server.dir)


def test_renegotiation(program):
    with server_of(program) as server:
        client = subprocess.Popen(["openssl", "s_client", "-tls1_2", "-connect",
                                   f"127.0.0.1:{server.ports[1]}"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        log_of(server, "version=TLSv1.2")
        client.stdin.write(b"R\n")
        client.stdin.flush()
        said = b""
        while b"renegotiation" not in said.split(b"RENEGOTIATING")[-1] or b"RENEGOTIATING" not in said:
            got = client.stdout.read1(65536)
            said += got
            expect(got, said)
        client.kill()
        client.communicate()
        expect(b"no renegotiation" in said, said)


def test_resumption(program):
    with server_of(program) as server:
        c = starttls(server)
        old, shared = c.socket.session, c.socket.context
        c.say("EHLO me.example", "250")
        old = c.socket.session  # TLS 1.3 tells it later
        c.say("QUIT", "221")
        with starttls(server, with_context=shared, session=old) as c:
            expect(c.socket.session_reused, "not resumed")
            c.say("EHLO me.example", "250")
            mail(c)


def test_deadlines(program):
    more = 'tls.handshake_timeout = "3s"'
    with server_of(program, server=tls_config(more=more)) as server:
        began = time.monotonic()
        with Client(server.ports[1]) as silent, Client(server.ports[1]) as slow:
            for byte in b"\x16\x03\x01\x02\x00\x01":
                with contextlib.suppress(OSError):
                    slow.send(bytes([byte]))
                time.sleep(0.2)
            expect(silent.is_closed() and slow.is_closed(), "nobody closed")
        expect(time.monotonic() - began < 30, "closed late")
        with starttls(server) as c:  # the clock of the handshake is not that of the session
            time.sleep(3.5)
            c.say("NOOP", "250")


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith(("127.", "0.")) else address


def test_allowance(program):
    """Five handshakes at once, then five a second; they wait, none fails."""
    host = own_address()
    if not host:
        raise kit.Skip("this machine has no address but loopback")
    with server_of(program, interfaces=f'addr_submissions = ["{host}:0"]') as server:
        def one():
            with Client(server.ports[1], host) as c:
                c.secure()
                c.hear("220")

        began = time.monotonic()
        threads = [threading.Thread(target=one) for _ in range(15)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        took = time.monotonic() - began
        expect(took > 1.9, f"{took} s")
        heard = (server.dir / "server.log").read_text().count("version=TLS")
        expect(heard == 15, f"{heard} handshakes")


# ---- other certificates --------------------------------------------------------------------------

def serial(server):
    with submissions(server) as c:
        return c.socket.getpeercert()["serialNumber"]


def log_of(server, text, count=1):
    until(text, lambda: (server.dir / "server.log").read_text().count(text) >= count)


def test_reload(program):
    with server_of(program) as server:
        old = starttls(server)
        first = serial(server)
        install(server, "other")
        server.process.send_signal(signal.SIGHUP)
        log_of(server, "reloaded")
        second = serial(server)
        expect(first != second, "the same certificate")
        shutil.copy(CERTS / "main.key", server.dir / "tls.key")  # not that of the certificate
        server.process.send_signal(signal.SIGHUP)
        log_of(server, "this key is not that of the certificate")
        log_of(server, "reload failed")
        expect(serial(server) == second, "changed by a faulty reload")
        old.say("EHLO me.example", "250")
        mail(old)


@contextlib.contextmanager
def clock():
    """The environment of a server with a clock that is moved, and how many minutes to move it by."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "clock"
        file.write_bytes(struct.pack("=q", 0))
        moved = 0

        def move(minutes):
            nonlocal moved
            moved += minutes * 60000
            with open(file, "r+b") as mapped:  # never empty: the server has it mapped
                mapped.write(struct.pack("=q", moved))

        yield {"VSMTP_CLOCK": str(file)}, move


def test_by_themselves(program):
    """The files change, nobody says a word, and the next look sees it."""
    with clock() as (env, move), server_of(program, env=env) as server:
        first = serial(server)
        move(2)
        shutil.copy(CERTS / "other.key", server.dir / "tls.key")  # half of it
        move(2)
        log_of(server, "the certificates in use stay")
        move(4)
        expect(serial(server) == first, "changed by half")
        install(server, "other")
        move(2)
        log_of(server, "were read again")
        expect(serial(server) != first, "not changed")
        (server.dir / "tls.crt").unlink()
        move(2)
        log_of(server, "the certificates in use stay", 2)
        expect(serial(server) != first, "changed back")


def test_reminder(program):
    """A certificate that nobody renewed is told of every day."""
    with clock() as (env, move), server_of(program, env=env) as server:
        move(60)
        time.sleep(0.1)
        expect("expires soon" not in (server.dir / "server.log").read_text())
        move(17 * 24 * 60)
        log_of(server, "expires soon")
        move(23 * 60)
        time.sleep(0.1)
        expect((server.dir / "server.log").read_text().count("expires soon") == 2, "too often")
        move(2 * 60)
        log_of(server, "expires soon", 4)  # of both pairs
        move(14 * 24 * 60)
        log_of(server, "expired at")


def test_hundred_swaps(program):
    """Certificates change a hundred times while clients come and go: none of them notices."""
    with server_of(program) as server:
        failures, done, stop = [], [0], threading.Event()
        long = starttls(server)
        long.say("EHLO me.example", "250")

        def load():
            while not stop.is_set():
                try:
                    with starttls(server) as c:
                        c.say("EHLO me.example", "250")
                        mail(c)
                        c.say("QUIT", "221")
                    done[0] += 1
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for t in threads:
            t.start()
        for swap in range(100):
            install(server, ("other", "main")[swap % 2])
            server.process.send_signal(signal.SIGHUP)
            log_of(server, "reloaded", swap + 1)
            if swap % 20 == 0:
                mail(long)
        stop.set()
        for t in threads:
            t.join()
        expect(not failures, f"{len(failures)} of {done[0]}: {failures[:3]}")
        expect(done[0] > 20, f"only {done[0]} sessions")
        long.say("QUIT", "221")


# ---- vsmtp check ---------------------------------------------------------------------------------

def check(server, want):
    status, said = run(*server.program, "check", "-c", server.dir / "vsmtp.toml")
    expect(status == want, f"{status}: {said}")
    return said


def test_checked(program):
    server = server_of(program)
    said = check(server, 0)
    expect(re.search(r"certificate of home\.example: mail\.home\.example, home\.example; EC 256, until "
                     r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said), said)
    expect("certificate of virtual.example: virtual.example, *.virtual.example; RSA 2048" in said, said)
    shutil.copy(CERTS / "virtual.key", server.dir / "tls.key")
    said = check(server, 78)
    expect("private_key: this key is not that of the certificate" in said and "^" in said, said)
    install(server, "expired")
    expect("this certificate expire" in check(server, 0))
    install(server, "main")
    expect("warning" not in check(server, 0))
    leaf = (CERTS / "main.crt").read_text().split("-----END CERTIFICATE-----\n")
    end = "-----END CERTIFICATE-----\n"
    (server.dir / "tls.crt").write_text(leaf[0] + end)
    expect("it stands alone in its file" in check(server, 0))
    root = (CERTS / "root.crt").read_text()
    (server.dir / "tls.crt").write_text(leaf[0] + end + root + leaf[1] + end)
    expect("the chain is not in order" in check(server, 0))
    install(server, "main")
    (server.dir / "tls.key").chmod(0o644)
    expect("everybody on this machine may read" in check(server, 0))
    (server.dir / "v.crt").write_text("nonsense\n")
    said = check(server, 78)
    expect("there is no certificate in it" in said, said)
    openssl("ec", "-in", CERTS / "main.key", "-aes128", "-passout", "pass:x", "-out",
            server.dir / "tls.key")
    expect("encrypted" in check(server, 78))
    shutil.rmtree(server.dir)


# ---- clients of other people ---------------------------------------------------------------------

def test_by_openssl(program):
    with server_of(program) as server:
        status, said = run("openssl", "s_client", "-starttls", "smtp", "-crlf", "-connect",
                           f"127.0.0.1:{server.ports[0]}", "-servername", "mail.home.example",
                           "-CAfile", CERTS / "root.crt", "-verify_return_error",
                           "-verify_hostname", "mail.home.example", stdin="QUIT\n")
        expect("Verify return code: 0 (ok)" in said, said)


def test_by_swaks(program):
    with server_of(program) as server:
        perl = [str(d) for d in unpacked("libnet-ssleay-perl")[0].glob("usr/lib/*/perl5/*")]
        env = {"PERL5LIB": ":".join(perl)}
        to = ["swaks", "--from", FROM, "--to", TO, "--tls-sni", "mail.home.example"]
        status, said = run(*to, "--server", f"127.0.0.1:{server.ports[0]}", "--tls", env=env)
        expect(status == 0 and "TLS started with cipher TLSv1." in said, said)
        expect(len(server.mails(count=1)) == 1)
        status, said = run(*to, "--server", f"127.0.0.1:{server.ports[1]}", "--tls-on-connect",
                           env=env)
        expect("TLS started with cipher TLSv1." in said and "530" in said, said)


def test_by_curl(program):
    with server_of(program) as server:
        curl = ["curl", "-sS", "--cacert", CERTS / "root.crt", "--mail-from", FROM, "--mail-rcpt", TO,
                "-T", "-", "--crlf"]
        for number, (scheme, more) in enumerate((("smtp", ["--ssl-reqd"]), ("smtps", []))):
            port = server.ports[number]
            status, said = run(*curl, *more, "--resolve", f"mail.home.example:{port}:127.0.0.1",
                               f"{scheme}://mail.home.example:{port}/me.example",
                               stdin="Subject: by curl\n\nhello\n")
            if number == 0:
                expect(status == 0, said)
            else:
                expect("530" in said, said)  # AUTH first
        expect(len(server.mails(count=1)) == 1)


def test_by_msmtp(program):
    with server_of(program) as server:
        status, said = run("msmtp", "--host=127.0.0.1", f"--port={server.ports[0]}", "--auth=off",
                           "--tls=on", f"--tls-trust-file={CERTS / 'root.crt'}",
                           "--tls-host-override=mail.home.example", f"--from={FROM}",
                           "--domain=me.example", TO, stdin="Subject: by msmtp\n\nhello\n")
        expect(status == 0, said)
        expect(len(server.mails(count=1)) == 1)


def test_by_smtplib(program):
    with server_of(program) as server:
        class Named(smtplib.SMTP):
            _host = "mail.home.example"

        with Named("", 0) as c:
            c.connect("127.0.0.1", server.ports[0])
            c._host = "mail.home.example"
            c.starttls(context=context())
            c.sendmail(FROM, [TO], "Subject: by smtplib\n\nhello\n")
        expect(len(server.mails(count=1)) == 1)


def test_by_postfix(program):
    """posttls-finger is the TLS client of Postfix's smtp(8), which reports and sends no mail."""
    top, env = unpacked("postfix")
    with server_of(program) as server:
        etc = server.dir / "postfix"
        etc.mkdir()
        (etc / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = me.example\n"
                                     f"data_directory = {etc}\nqueue_directory = {etc}\n"
                                     "mail_owner = daemon\nsetgid_group = mail\n")
        status, said = run(top / "usr/sbin/posttls-finger", "-c", "-l", "secure", "-F",
                           CERTS / "root.crt", "-L", "summary", f"[127.0.0.1]:{server.ports[0]}",
                           "mail.home.example",
                           env=dict(env, MAIL_CONFIG=str(etc)))
        expect("Verified TLS connection established" in said, said)


SMTP8 = """\
transport_maps = inline:{{ {ways} }}
smtp_tls_security_level = encrypt
smtp_tls_CAfile = {ca}
smtp_tls_loglevel = 1
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{ {{[127.0.0.1]:{port} = bob@home.example:a secret}} }}
smtp_sasl_security_options = noanonymous
"""


def test_by_smtp8(program):
    """Postfix's smtp(8) delivers: to the port of servers, and having logged in to that of our people"""
    import others  # which is also a user of this program
    kit.needs_root("Postfix's master must be started by root")
    top, env = unpacked("postfix", "libsasl2-modules")
    env["SASL_PATH"] = ":".join(str(d.parent) for d in top.glob("usr/lib/*/sasl2/libplain.so"))
    mechanisms = ("plain", "login", "scram-sha-256")
    with server_of(program, interfaces='addr_submission = ["127.0.0.1:0"]') as server:
        done = subprocess.run([*server.program, "user", "add", "bob@home.example", "-c", "vsmtp.toml"],
                              cwd=server.dir, input=b"a secret\n", capture_output=True, timeout=60)
        expect(done.returncode == 0, done.stderr)
        ways = [f"alice@home.example=smtp:[127.0.0.1]:{server.ports[0]}"]
        ways += [f"alice+{m}@home.example={m}:[127.0.0.1]:{server.ports[1]}" for m in mechanisms]
        main = SMTP8.format(ways=", ".join(ways), ca=CERTS / "root.crt", port=server.ports[1])
        master = "smtp unix - - n - - smtp\n" + "".join(
            f"{m} unix - - n - - smtp -o smtp_sasl_mechanism_filter={m}\n" for m in mechanisms)
        port = kit.free_port()
        postfix = others.Postfix(top, env, port, main, master)
        try:
            with smtplib.SMTP("127.0.1.1", port, "me.example", 60) as c:
                for number, to in enumerate([TO] + [f"alice+{m}@home.example" for m in mechanisms]):
                    c.sendmail("bob@home.example", [to], f"Subject: {to}\n\nhello\n")
                    server.mails(count=number + 1)  # one login at a time, from one address
            heard = {}
            for text in server.mails():
                m = email.message_from_bytes(text)
                heard[m["Subject"]] = m["Received"]  # the first of them: ours
            expect(" with ESMTPS id" in heard.pop(TO), heard)
            expect(len(heard) == len(mechanisms), heard)
            expect(all(" with ESMTPSA id" in field for field in heard.values()), heard)
            expect(all("\ttls TLS_" in field for field in heard.values()), heard)
            expect("Trusted TLS connection established to 127.0.0.1" in postfix.log(), postfix.log())
        finally:
            postfix.stop()


def test_by_nmap(program):
    """nmap's table of what a server accepts: grade A for each, and nothing it would warn of"""
    top, env = unpacked("nmap-common", "nmap")
    with server_of(program, server=tls_config(virtual=False)) as server:
        for at in ("main", "virtual"):
            install(server, at)
            server.process.send_signal(signal.SIGHUP)
            log_of(server, "reloaded", 1 if at == "main" else 2)
            said = run(top / "usr/bin/nmap", "-n", "-Pn", "-sT", "-p", server.ports[1], "--script",
                       "+ssl-enum-ciphers", "127.0.0.1", timeout=120,
                       env=dict(env, NMAPDIR=str(top / "usr/share/nmap")))[1]
            grades = re.findall(r"TLS_\w+ \([^)]*\) - ([A-F])", said)
            expect(len(grades) >= 3 and set(grades) == {"A"}, said)
            expect(not re.search("TLSv1.[01]|SSLv3|warnings", said), said)


if __name__ == "__main__":
    kit.main("tls", kit.tests_of(globals()), lambda test: make_certificates() or test(kit.PROGRAM))
