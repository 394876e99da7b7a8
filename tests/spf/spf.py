#!/usr/bin/env python3
"""tests/spf/spf.py VSMTP [PART]: SPF and the DNS, over real name servers on loopback.

*.case files: what `vsmtp spf` says. Lines:

  name NAME TYPE DATA       a record; DATA of TXT is one quoted string, with \\xNN and {OCTETS*N}
  silent NAME [TXT "…"]     asked for this name, nobody answers (but with the text)
  broken NAME               … SERVFAIL
  WORD IP SENDER [HELO]     a question and its result; SENDER <> for the null sender
    KEY: TEXT               a line behind that; "explanation:" alone for none

TEST functions below: whole sessions, hostile names and crowds.
"""

import concurrent.futures
import functools
import os
import pathlib
import random
import re
import select
import signal
import smtplib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "clients")]
import kit  # noqa: E402
import names  # noqa: E402
import server  # noqa: E402

WORDS = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
VSMTP = kit.PROGRAM[0]

# ---- .case files -----------------------------------------------------------------------------------


def repeated(text):
    return re.sub(r"\{([^{}*]+|%\{\w+\})\*(\d+)\}", lambda m: m[1] * int(m[2]), text)


def octets(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class Case:
    """One file, read."""

    def __init__(self, path):
        self.records, self.silent, self.spoken, self.broken, self.questions = {}, [], {}, [], []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                self.line(repeated(line))

    def line(self, line):
        quoted = re.search(r'"(.*)"', line)
        word, *rest = line.split()
        if line.startswith(" "):
            key, text = line.strip().split(":", 1)
            self.questions[-1][-1][key] = text.strip()
        elif word == "name":
            who, kind = rest[:2]
            data = names.txt(octets(quoted[1])) if kind == "TXT" else " ".join(rest[2:])
            self.records.setdefault(who, []).append((kind, data))
        elif word == "silent":
            self.silent.append(rest[0])
            if quoted:
                self.spoken[rest[0]] = quoted[1]
        elif word == "broken":
            self.broken.append(rest[0])
        elif word in WORDS:
            ip, sender, helo = (rest + ["mail.example.org"])[:3]
            self.questions.append((word, ip, "" if sender == "<>" else sender, helo, {}))
        else:
            raise ValueError(line)


def ask(conf, question):
    word, ip, sender, helo, more = question
    status, got, rest, err = names.spf(VSMTP, conf, ip, helo, sender)
    asked = f"{ip} {sender or '<>'} {helo}"
    if status != 0 or got != word:
        return f"{asked}: wanted {word}, got {got or status} {rest} {err[-500:]}"
    for key, text in more.items():
        if rest.get(key, "") != text:
            return f"{asked}: wanted {key}: {text!r}, got {rest}"
    return ""


def run_case(path):
    case = Case(path)
    with tempfile.TemporaryDirectory() as folder, names.Names(
        folder, case.records, case.silent, case.spoken, case.broken
    ) as dns, concurrent.futures.ThreadPoolExecutor(4) as pool:
        conf = names.configuration(folder, dns.port, *(("1s", 1) if case.silent else ()))
        troubles = [t for t in pool.map(lambda q: ask(conf, q), case.questions) if t]
    assert not troubles, "\n     ".join(troubles)


# ---- sessions --------------------------------------------------------------------------------------


def rules(*lines):
    return {"main.vsl": "#{ " + " ".join(lines) + " rcpt: [ rule \"all\" || accept() ] }"}


def dns_server(dns, timeout="5s", attempts=2):
    return (
        f'[server.dns]\ntype = "custom"\nconfig = {{ name_servers = ["127.0.0.1:{dns.port}"] }}\n'
        f'options = {{ timeout = "{timeout}", attempts = {attempts} }}\n'
    )


ZONE = {
    "good.example": [("TXT", names.txt(b"v=spf1 ip4:127.0.0.1 -all")), ("MX", "10 mx.good.example."), ("MX", "5 mx2.good.example.")],
    "bad.example": [("TXT", names.txt(b"v=spf1 exp=why.bad.example -all"))],
    "why.bad.example": [("TXT", names.txt(b"%{i} is not one of %{d}"))],
    "soft.example": [("TXT", names.txt(b"v=spf1 ~all"))],
    "perm.example": [("TXT", names.txt(b"v=spf1 foo:bar -all"))],
    "null.example": [("MX", "0 .")],
    "host.good.example": [("TXT", names.txt(b"v=spf1 ip4:127.0.0.1 -all")), ("A", "127.0.0.1")],
    "1.0.0.127.in-addr.arpa": [("PTR", "liar.example."), ("PTR", "host.good.example.")],
    "2.0.0.127.in-addr.arpa": [("PTR", "liar.example.")],
}


class World:
    """Name servers and a vsmtp that asks them."""

    def __init__(self, rule_files, records=None, silent=(), broken=(), server_text="", **options):
        self.folder = tempfile.TemporaryDirectory()
        self.dns = names.Names(self.folder.name, records if records is not None else ZONE, silent, {}, broken)
        self.server = server.Server([VSMTP], rule_files, server_text + dns_server(self.dns, **options))

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
            self.dns.stop()
            self.folder.cleanup()

    def client(self, ip="127.0.0.1", helo="host.good.example"):
        c = smtplib.SMTP("127.0.0.1", self.server.port, local_hostname=helo, source_address=(ip, 0), timeout=60)
        c.ehlo()
        return c

    def mail(self, sender, **how):
        """The reply to MAIL, as code and text."""
        c = self.client(**how)
        try:
            code, text = c.docmd("MAIL", f"FROM:<{sender}>")
            return code, text.decode()
        finally:
            c.close()


def unfolded(text):
    head = text.split("\n\n", 1)[0].replace("\r", "")
    return re.sub(r"\n[ \t]", " ", head).split("\n")


def expect(got, want):
    assert re.fullmatch(want, str(got), re.S), f"wanted {want}, got {got!r}"


def test_chapter_rule_as_printed():
    files = rules("mail: [ rule \"check spf\" || check_spf(\"mail_from\", \"spf\"); ],")
    with World(files, silent=["slow.example"], timeout="300ms", attempts=1) as w:
        expect(w.mail("a@good.example"), r"\(250, .*")
        expect(w.mail("a@bad.example"), r"\(550, '5.7.23 SPF validation failed\\n5.7.23 The domain bad.example explains:\\n5.7.23 127.0.0.1 is not one of bad.example'\)")
        expect(w.mail("a@perm.example"), r"\(550, '5.7.24 .*")
        expect(w.mail("a@slow.example"), r"\(451, '4.7.24 .*")
        expect(w.mail("a@nothing.example"), r"\(250, .*")
        expect(w.mail(""), r"\(250, .*")
        expect(w.mail("", ip="127.0.0.9"), r"\(550, '5.7.23 .*")


def send(w, sender, header=""):
    c = w.client()
    c.sendmail(sender, ["alice@home.example"], header + "Subject: x\r\n\r\nbody\r\n")
    c.quit()
    return unfolded(w.server.mails(count=1)[0].decode())


def test_headers_above_received():
    files = rules("mail: [ rule \"r\" || check_spf(\"both\", \"both\") ],")
    with World(files) as w:
        lines = send(w, "joe@good.example")
        host = re.escape(socket.gethostname())
        at = next(i for i, l in enumerate(lines) if l.startswith("Received-SPF:"))
        expect(lines[at], f"Received-SPF: pass receiver={host}; client-ip=127.0.0.1; envelope-from=\"joe@good.example\"; "
               "helo=host.good.example; identity=mailfrom; mechanism=\"ip4:127.0.0.1\";")
        results = next(i for i, l in enumerate(lines) if l.startswith("Authentication-Results:"))
        expect(lines[results], f"Authentication-Results: {host}; spf=pass reason=\".*\" smtp.mailfrom=joe@good.example")
        received = next(i for i, l in enumerate(lines) if l.startswith("Received:"))
        assert results < received and at < received, lines


def test_forged_results_are_removed():
    files = rules("preq: [ rule \"r\" || check_spf(\"mail_from\", \"auth\") ],")
    forged = (
        f"Authentication-Results: {socket.gethostname().upper()};\r\n spf=pass smtp.mailfrom=boss@bank.example\r\n"
        f"Authentication-Results: (no ; (really)) \"{socket.gethostname()}\" 1; none\r\n"
        "authentication-results: home.example; dkim=pass\r\n"
        "Authentication-Results: elsewhere.example; dkim=pass\r\n"
    )
    with World(files) as w:
        lines = [l for l in send(w, "joe@good.example", forged) if l.lower().startswith("authentication-results")]
        assert len(lines) == 2, lines
        expect(lines[0], ".*spf=pass reason=.*smtp.mailfrom=joe@good.example")
        expect(lines[1], ".*elsewhere.example; dkim=pass")


def test_example():
    with World({"main.vsl": (kit.TOP / "rules/examples/spf/main.vsl").read_text()}) as w:
        lines = send(w, "joe@good.example")
        assert "X-Client-Name: host.good.example" in lines, lines
        expect(w.mail("a@null.example"), r"\(550, '5.7.27 .*")
        expect(w.mail("a@bad.example"), r"\(550, '5.7.23 .*")


def test_softfail_marks_the_subject():
    with World(rules("mail: [ rule \"r\" || check_spf(\"mail_from\", \"spf\") ],")) as w:
        assert "Subject: JUNK: x" in send(w, "a@soft.example")


def test_helo_identity():
    with World(rules("mail: [ rule \"r\" || check_spf(\"helo\", \"none\") ],")) as w:
        expect(w.mail("x@bad.example"), r"\(250, .*")
        expect(w.mail("x@good.example", helo="bad.example"), r"\(550, '5.7.23 .*")
        expect(w.mail("x@good.example", helo="[127.0.0.1]"), r"\(250, .*")


def test_lookups():
    files = rules(
        "mail: [ rule \"r\" || {",
        "  let mx = dns_lookup(\"good.example\", \"mx\");",
        "  let none = dns_lookup(\"nothing.example\", \"A\");",
        "  let txt = dns_lookup(\"soft.example\", \"TXT\");",
        "  deny(`550 5.0.0 ${mx} ${none} ${txt} ${rdns(client_ip())}|${rdns(\"127.0.0.2\")}|`)",
        "} ],",
    )
    with World(files) as w:
        expect(w.mail("a@good.example"), r"""\(550, '5.0.0 \["5 mx2.good.example", "10 mx.good.example"\] \[\] \["v=spf1 ~all"\]\\n5.0.0 host.good.example\|\|'\)""")


def test_lookup_failure_is_temporary():
    with World(rules("mail: [ rule \"r\" || { dns_lookup(\"x.broken.example\", \"A\"); next() } ],"), broken=["broken.example"]) as w:
        expect(w.mail("a@good.example"), r"\(451, '4.3.5.*")


def test_null_mx_sender():
    with World(rules("mail: [ rule \"r\" || check_null_mx_sender() ],"), broken=["broken.example"]) as w:
        expect(w.mail("a@null.example"), r"\(550, '5.7.27 .*")
        for domain in ("good.example", "nothing.example", "broken.example"):
            expect(w.mail("a@" + domain), r"\(250, .*")
        expect(w.mail(""), r"\(250, .*")


def test_others_do_not_wait():
    """While one client's domain is silent, others are served at once, and who leaves is forgotten."""
    with World(rules("mail: [ rule \"r\" || check_spf(\"mail_from\", \"spf\") ],"), silent=["slow.example"], timeout="10s", attempts=1) as w:
        slow, gone = w.client(), w.client()
        for c in (slow, gone):
            c.putcmd("MAIL", "FROM:<a@slow.example>")
        time.sleep(0.3)
        gone.close()
        for _ in range(20):
            expect(w.mail("a@good.example"), r"\(250, .*")
        assert not select.select([slow.sock], [], [], 0)[0], "others waited"
        expect(slow.getreply(), r"\(451, b'4.7.24 .*")
        slow.close()


def test_reload_and_stop_while_asked():
    """Neither a reload nor the end of the server waits for, or trips over, a question under way."""
    with World(rules("mail: [ rule \"r\" || check_spf(\"mail_from\", \"spf\") ],"), silent=["slow.example"], timeout="2s", attempts=1) as w:
        slow = w.client()
        slow.putcmd("MAIL", "FROM:<a@slow.example>")
        time.sleep(0.3)
        w.server.process.send_signal(signal.SIGHUP)
        expect(w.mail("a@good.example"), r"\(250, .*")
        expect(slow.getreply(), r"\(451, b'4.7.24 .*")
        slow.close()
        last = w.client()
        last.putcmd("MAIL", "FROM:<a@slow2.slow.example>")
        time.sleep(0.3)
        w.server.stop()
        last.close()


def test_rule_out_of_time():
    """The rule's time ends before the answer comes; that one is nobody's then."""
    files = rules("mail: [ rule \"r\" || { dns_lookup(\"slow.example\", \"A\"); next() } ],")
    with World(files, silent=["slow.example"], timeout="6s", attempts=1) as w:
        w.server.stop()
        conf = w.server.dir / "vsmtp.toml"
        conf.write_text(conf.read_text().replace('filepath = "main.vsl"', 'filepath = "main.vsl"\nmax_time = "1s"'))
        w.server.start()
        c = w.client()
        began = time.monotonic()
        expect(c.docmd("MAIL", "FROM:<a@b.example>"), r"\(451, b'4.3.5 .*")
        assert time.monotonic() - began < 5
        time.sleep(6)
        expect(c.docmd("NOOP"), r"\(250, .*")
        c.close()


def test_tcp_alone():
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, ZONE) as dns:
        conf = names.configuration(folder, dns.port)
        text = conf.read_text()
        conf.write_text(text.replace(f'["127.0.0.1:{dns.port}"]', f'[{{ socket_addr = "127.0.0.1:{dns.port}", protocol = "tcp" }}]'))
        assert "tcp" in conf.read_text()
        assert not ask(conf, ("pass", "127.0.0.1", "a@good.example", "h.example", {}))


def test_second_name_server():
    """One that is not there, or says SERVFAIL, is followed by the next."""
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, ZONE) as dns, \
            tempfile.TemporaryDirectory() as other, names.Names(other, {}, broken=["good.example"]) as bad:
        for first in (kit.free_port(), bad.port):
            conf = names.configuration(folder, dns.port)
            conf.write_text(conf.read_text().replace("name_servers = [", f'name_servers = ["127.0.0.1:{first}", '))
            assert not ask(conf, ("pass", "127.0.0.1", "a@good.example", "h.example", {}))


# ---- names that no host has ------------------------------------------------------------------------

ODD = {  # a sender's local part, and the labels that %{l} makes of it
    "bounce+user=example.org": b"bounce+user=example.org",
    "SRS0=hhh=tt=example.org=user": b"SRS0=hhh=tt=example.org=user",
    "SRS1=hhh=a.example==hhh=tt=b=user": b"SRS1=hhh=a.example==hhh=tt=b=user",
    "a#b!c$d%e&f": b"a#b!c$d%e&f",
    "it's*?^`{|}~": b"it's*?^`{|}~",
    '"a,b"': b'"a,b"',
    '"a@b;c:(d)[e]<f>"': b'"a@b;c:(d)[e]<f>"',
    '"two words"': b'"two words"',
    '"back\\\\slash"': b'"back\\\\slash"',
    "gr\u00fc\u00df": "gr\u00fc\u00df".encode(),
    "\u043f\u043e\u0447\u0442\u0430": "\u043f\u043e\u0447\u0442\u0430".encode(),
    "x" * 62 + "+": b"x" * 62 + b"+",
}


def odd_zone():
    zone = {
        "odd.example": [("TXT", names.txt(b"v=spf1 exists:%{l}.odd.example -all"))],
        "many.example": [("TXT", names.txt(b"v=spf1 exists:%{l}.many.example -all"))],
        "far.example": [("TXT", names.txt(b"v=spf1 include:%{l}.far.example -all"))],
        # what begins with a name of a host leads to another one, and the other way round
        "plain.far.example": [("CNAME", names.name(b"a+b.far.example"))],
        "a+b.far.example": [("CNAME", names.name(b"c=d,e f.far.example"))],
        b"c=d,e f.far.example": [("TXT", names.txt(b"v=spf1 ip4:192.0.2.1 -all"))],
        "back+.far.example": [("CNAME", "good.far.example.")],
        "good.far.example": [("TXT", names.txt(b"v=spf1 ip4:192.0.2.1 -all"))],
        # more than a datagram takes
        "all+of.many.example": [("A", f"127.0.{i // 250}.{i % 250 + 1}") for i in range(300)],
    }
    for label in ODD.values():
        zone[label + b".odd.example"] = [("A", "127.0.0.2")]
    return zone


def odd_questions():
    yield from (("pass", "192.0.2.1", f"{local}@odd.example", "h.example", {}) for local in ODD)
    for local in ("bounce+user=example.com", '"a,c"', '"two  words"', "gr\u00fc", "x" * 63 + "+", "a+..b"):
        yield "fail", "192.0.2.1", f"{local}@odd.example", "h.example", {}
    for local in ("plain", "a+b", "back+"):
        yield "pass", "192.0.2.1", f"{local}@far.example", "h.example", {}
        yield "fail", "192.0.2.2", f"{local}@far.example", "h.example", {}
    yield "pass", "192.0.2.1", "all+of@many.example", "h.example", {}


def servers_of(conf, *others, protocol=""):
    """The same configuration, with other servers before its own."""
    text = conf.read_text()
    own = re.search(r'name_servers = \["([^"]*)"\]', text)[1]
    every = [*others, own]
    if protocol:
        listed = ", ".join(f'{{ socket_addr = "{s}", protocol = "{protocol}" }}' for s in every)
    else:
        listed = ", ".join(f'"{s}"' for s in every)
    conf.write_text(re.sub(r"name_servers = \[.*?\]", lambda _: f"name_servers = [{listed}]", text))


def test_odd_names():
    """By datagrams, by streams alone, from knot through dnsmasq, behind a server that is dead or lame."""
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, odd_zone(), ["slow.example"]) as dns, \
            tempfile.TemporaryDirectory() as other, names.Names(other, {}, broken=["example"]) as lame:
        mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        mute.bind(("127.0.0.1", 0))
        servers = {
            "datagrams": ([], ""),
            "streams": ([], "tcp"),
            "through dnsmasq": ([], ""),
            "streams through dnsmasq": ([], "tcp"),
            "behind nobody": ([f"127.0.0.1:{kit.free_port()}"], ""),
            "behind a lame one": ([f"127.0.0.1:{lame.port}"], ""),
            "behind a silent one": ([f"127.0.0.1:{mute.getsockname()[1]}"], ""),
        }
        for what, (others, protocol) in servers.items():
            port = dns.port if "through" in what else dns.knot
            conf = names.configuration(folder, port, "300ms" if "silent" in what else "5s")
            servers_of(conf, *others, protocol=protocol)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                troubles = [t for t in pool.map(lambda q: ask(conf, q), odd_questions()) if t]
            assert not troubles, f"{what}: " + "\n     ".join(troubles)
        mute.close()


def test_odd_senders():
    """In a session, with the cache: as a guest of VERP and of SRS is judged."""
    with World(rules("mail: [ rule \"r\" || check_spf(\"mail_from\", \"spf\") ],"), odd_zone()) as w:
        for _ in range(2):
            for sender in ("bounce+user=example.org", "SRS0=hhh=tt=example.org=user", '"two words"'):
                expect(w.mail(f"{sender}@odd.example"), r"\(250, .*")
            expect(w.mail("bounce+user=example.com@odd.example"), r"\(550, '5.7.23 .*")


class Forger(threading.Thread):
    """A name server whose answers come behind forged ones that nobody asked for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = self.socket.getsockname()[1]
        self.asked = []

    def answer(self, question, exists):
        """With a policy for a TXT record, an address for the others; none exists if not."""
        end = question.index(b"\0", 12) + 5
        kind = question[end - 3]
        policy = b"v=spf1 exists:%{l}.%{o} -all"
        data = bytes([len(policy)]) + policy if kind == 16 else b"\x7f\0\0\2"
        head = question[:2] + struct.pack(">5H", 0x8180 if exists else 0x8183, 1, int(exists), 0, 0)
        rr = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
        return head + question[12:end] + (rr if exists else b"")

    def run(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            end = question.index(b"\0", 12)
            odd, true = b"+" in question[12:end], b"evil" not in question[12:end]
            if odd:
                self.asked.append((question[:2], peer[1]))
            lie = self.answer(question, not true)
            self.other.sendto(lie, peer)
            for wrong in () if not odd else (
                bytes([lie[0] ^ 1]) + lie[1:],  # another id
                lie[:2] + bytes([lie[2] & 0x7F]) + lie[3:],  # a question
                lie[:13] + bytes([lie[13] ^ 2]) + lie[14:],  # another name
                lie[: end + 2] + bytes([lie[end + 2] ^ 1]) + lie[end + 3 :],  # another type
            ):
                self.socket.sendto(wrong, peer)
            self.socket.sendto(self.answer(question, true), peer)


def test_forged_answers():
    """They are not heard, and each question for such a name comes from another port with another id."""
    dns = Forger()
    dns.start()
    with tempfile.TemporaryDirectory() as folder:
        conf = names.configuration(folder, dns.port, "5s", 1)
        for i in range(10):
            for word in ("good", "evil"):
                trouble = ask(conf, ("pass" if word == "good" else "fail", "192.0.2.1", f"{word}+{i}@a.example", "h.example", {}))
                assert not trouble, trouble
        assert len(dns.asked) == 20, dns.asked
        for column in zip(*dns.asked):
            assert len(set(column)) > 15, column
    dns.socket.close()
    dns.other.close()


def test_crowd():
    """500 clients at once, each with a domain of its own: none is told anything wrong."""
    count = 500
    zone = {f"d{i}.example": [("TXT", names.txt(b"v=spf1 include:i.%{d} mx -all")), ("MX", f"10 mx.d{i}.example.")] for i in range(count)}
    for i in range(count):
        zone[f"i.d{i}.example"] = [("TXT", names.txt(b"v=spf1 ip4:192.0.2.1 -all"))]
        zone[f"mx.d{i}.example"] = [("A", "127.0.0.1" if i % 2 else "192.0.2.9")]
    with World(rules("mail: [ rule \"r\" || check_spf(\"mail_from\", \"none\") ],"), zone,
               server_text="client_count_max = 1000\n") as w:
        sockets = []
        for i in range(count):
            s = socket.create_connection(("127.0.0.1", w.server.port), timeout=60)
            sockets.append(s.makefile("rwb"))
        wrong = []
        for f in sockets:
            assert f.readline().startswith(b"220"), "banner"
            f.write(b"HELO x.example\r\n")
            f.flush()
        for f in sockets:
            assert f.readline().startswith(b"250"), "helo"
        for i, f in enumerate(sockets):
            f.write(b"MAIL FROM:<a@d%d.example>\r\n" % i)
            f.flush()
        for i, f in enumerate(sockets):
            reply = f.readline()
            if not reply.startswith(b"250" if i % 2 else b"550 5.7.23"):
                wrong.append((i, reply))
        assert not wrong, (len(wrong), wrong[:5])


# ---- hostile names ---------------------------------------------------------------------------------


def hostile_zone():
    text = names.txt
    zone = {
        "many.example": [("TXT", text(b"v=spf1 " + b" ".join(b"ip4:192.0.2.%d" % i for i in range(200)) + b" -all"))],
        "boom.example": [("TXT", text(b"v=spf1 exp=exp.boom.example -all"))],
        "exp.boom.example": [("TXT", text(b"%{d}" * 127 + b"abcd"))],
        "big.example": [("TXT", text(b"v=spf1 " + b"ip6:2001:db8::1 " * 3900 + b"-all"))],
        "loop.example": [("TXT", text(b"v=spf1 a:c1.example a:self.example -all"))],
        "c1.example": [("CNAME", "c2.example.")],
        "c2.example": [("CNAME", "c1.example.")],
        "self.example": [("CNAME", "self.example.")],
        "cspf.example": [("CNAME", "c1.example.")],
        "round.example": [("TXT", text(b"v=spf1 include:round.example -all"))],
        "redir.example": [("TXT", text(b"v=spf1 redirect=redir.example"))],
        "long.example": [("TXT", text(b"v=spf1 exists:%{l}.%{l}.%{l}.%{l}.%{l}.%{l}.long.example -all"))],
        "tree.example": [("TXT", text(b"v=spf1 " + b" ".join(b"include:t%d.example" % i for i in range(9)) + b" -all"))],
    }
    for i in range(9):
        zone[f"t{i}.example"] = [("TXT", text(b"v=spf1 " + b" ".join(b"include:t%d%d.example" % (i, j) for j in range(9)) + b" ?all"))]
        for j in range(9):
            zone[f"t{i}{j}.example"] = [("TXT", text(b"v=spf1 a:nobody%d.example ?all" % j))]
    return zone


def test_hostile_records():
    questions = [
        ("pass", "192.0.2.199", "a@many.example", {"mechanism": "ip4:192.0.2.199"}),
        ("fail", "192.0.3.1", "a@many.example", {"mechanism": "-all"}),
        ("fail", "192.0.2.1", "a@boom.example", {"explanation": "boom.example" * 127 + "abcd"}),
        ("fail", "192.0.2.1", "a@big.example", {"mechanism": "-all"}),
        ("temperror", "192.0.2.1", "a@loop.example", {}),
        ("permerror", "192.0.2.1", "a@round.example", {}),
        ("permerror", "192.0.2.1", "a@redir.example", {}),
        ("permerror", "192.0.2.1", "a@tree.example", {}),
        ("fail", "192.0.2.1", "x" * 64 + "@long.example", {}),
    ]
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, hostile_zone()) as dns:
        conf = names.configuration(folder, dns.port)
        began = time.monotonic()
        troubles = [t for t in (ask(conf, (w, ip, s, "h.example", m)) for w, ip, s, m in questions) if t]
        assert not troubles, "\n     ".join(troubles)
        assert time.monotonic() - began < 60


class Garbage(threading.Thread):
    """A name server that answers every question with something else."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.random = random.Random(seed)

    def answer(self, question):
        r, kind = self.random, self.random.randrange(6)
        head = question[:2] + struct.pack(">5H", 0x8180, 1, r.randrange(4), r.randrange(3), 0)
        if kind == 0:
            return r.randbytes(r.randrange(600))
        if kind == 1:
            return head + question[12:]
        if kind == 2:
            return head + question[12:-11] + r.randbytes(r.randrange(300))
        whole = bytearray(head + question[12:-11] + b"\xc0\x0c" + question[-15:-11] + struct.pack(">IH", 60, 20) + b"\x13v=spf1 ip4:1.2.3.4/" * 2)
        for _ in range(r.randrange(8)):
            whole[r.randrange(2, len(whole))] = r.randrange(256)
        return bytes(whole)

    def run(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            self.socket.sendto(self.answer(question), peer)


def test_garbage_answers():
    for seed in range(12):
        dns = Garbage(seed)
        dns.start()
        with tempfile.TemporaryDirectory() as folder:
            conf = names.configuration(folder, dns.port, "300ms", 2)
            status, word, rest, err = names.spf(VSMTP, conf, "192.0.2.1", "h.example", f"a@g{seed}.example")
            dns.socket.close()
            assert status == 0 and word in WORDS, (seed, status, word, rest, err[-2000:])


def test_broken_and_gone():
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, {}, broken=["broken.example"]) as dns:
        conf = names.configuration(folder, dns.port)
        assert not ask(conf, ("temperror", "192.0.2.1", "a@broken.example", "h.example", {}))
    conf = None
    with tempfile.TemporaryDirectory() as folder:
        conf = names.configuration(folder, kit.free_port(), "300ms", 1)
        assert not ask(conf, ("temperror", "192.0.2.1", "a@good.example", "h.example", {}))


def run_vsmtp(*arguments):
    return subprocess.run([VSMTP, "spf", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_verb():
    with tempfile.TemporaryDirectory() as folder, names.Names(folder, ZONE) as dns:
        done = run_vsmtp("--ip", "192.0.2.1", "--helo", "h.example", "--mail-from", "a@bad.example", "--dns", f"127.0.0.1:{dns.port}")
        assert done.returncode == 0, done
        assert done.stdout == "fail\nmechanism: -all\nexplanation: 192.0.2.1 is not one of bad.example\n", done.stdout
        done = run_vsmtp("--ip", "192.0.2.1", "--helo", "h.example", "--mail-from", "a@nothing.example", "--dns", f"127.0.0.1:{dns.port}")
        assert done.stdout == "none\nproblem: nothing.example: no SPF record\n", done.stdout
    for bad in (["--ip", "1.2.3.4"], ["--ip", "x", "--helo", "h", "--mail-from", "m"], ["--foo"], ["--ip"],
                ["--ip", "1.2.3.4", "--helo", "h", "--mail-from", "m", "--dns", "y:z"], ["--ip", "1.2.3.4", "--helo", "h", "--mail-from", "m", "n"]):
        assert run_vsmtp(*bad).returncode == 64, bad


# ---- all of it -------------------------------------------------------------------------------------


def cases():
    for path in sorted(HERE.glob("*.case")):
        case = functools.partial(run_case, path)
        case.__name__ = path.stem
        yield case


if __name__ == "__main__":
    kit.main("spf", [*cases(), *kit.tests_of(globals())])
