"""tests/outbound/hostile.py: servers that mean harm: what they say is bounded, and stays theirs."""

import email
import smtplib
import socket
import struct
import threading

from ways import Clock
from kit import stop_listening
from peer import lines_of
from world import FROM, World, expect, until


class Raw:
    """Serves ip:port with script(stream, lines), a thread for each connection; `lines` gives what the
    client says. Returning closes."""

    def __init__(self, ip, port, script):
        self.ip, self.script = ip, script
        self.connections = 0
        self.listener = socket.create_server((ip, port), backlog=100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        stream.settimeout(600)
        try:
            self.script(stream, lines_of(stream))
        except (OSError, StopIteration):
            pass
        finally:
            stream.close()

    def stop(self):
        stop_listening(self.listener)


HELLO = b"250-x\r\n250 DSN"
KIND = {"greeting": b"220 x", "EHLO": HELLO, "HELO": b"250 x", "MAIL": b"250 ok", "RCPT": b"250 ok",
        "DATA": b"354 go on", "DOT": b"250 taken", "RSET": b"250 ok", "QUIT": b"221 bye"}


def talk(stream, lines, **other):
    """A kind server but for `other`: bytes are said, a function does what it likes with the stream."""
    how = dict(KIND, **other)

    def say(what):
        if callable(what):
            what(stream)
        else:
            stream.sendall(what + b"\r\n")
    say(how["greeting"])
    for line in lines:
        verb = line[:4].decode("latin-1").upper()
        say(how.get(verb, b"500 what"))
        if verb == "DATA":
            for text in lines:
                if text == b".":
                    break
            say(how["DOT"])
        if verb == "QUIT":
            return


def kind_but(**other):
    return lambda stream, lines: talk(stream, lines, **other)


def flood(octets):
    """These octets again and again, until nobody listens."""
    def do(stream):
        while True:
            stream.sendall(octets * (1 + 65536 // len(octets)))
    return do


def reset(stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()
    raise OSError


def hang_up(stream):
    raise OSError


# ---- what they say --------------------------------------------------------------------------------------

NOT_SMTP, NOTHING_ASKED = "is not SMTP", "a reply to nothing"
HOSTILE = {  # how it differs from a kind server: what is said of it, None: it gets the mail
    "endless-greeting": ({"greeting": flood(b"220-hello\r\n")}, NOT_SMTP),
    "endless-line": ({"EHLO": flood(b"250-hello")}, NOT_SMTP),
    "endless-reply": ({"RCPT": flood(b"250-ok\r\n")}, NOT_SMTP),
    "nul": ({"MAIL": b"250 o\0k"}, NOT_SMTP),
    "bare-lf": ({"RCPT": b"250 ok\n250 ok"}, NOT_SMTP),
    "two-codes": ({"RCPT": b"250-a\r\n550 b"}, NOT_SMTP),
    "one-yz": ({"DOT": b"199 hm"}, NOT_SMTP),
    "six-yz": ({"MAIL": b"650 ok"}, NOT_SMTP),
    "three-yz": ({"DOT": b"354 more"}, "intermediate"),
    "all-at-once": ({"greeting": b"220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken"}, NOTHING_ASKED),
    "before-dot": ({"DATA": b"354 go\r\n250 taken"}, NOTHING_ASKED),
    "more-than-asked": ({"EHLO": b"250-x\r\n250 PIPELINING", "MAIL": b"250 ok\r\n" * 6 + b"354 go"}, NOTHING_ASKED),
    **{f"reset-{verb}".lower(): ({verb: reset}, "reset by peer") for verb in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "DOT")},
    **{f"closes-{verb}".lower(): ({verb: hang_up}, "closed") for verb in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "DOT")},
    **{f"leaves-{verb}".lower(): ({verb: b"421 no"}, "421 no") for verb in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "DOT")},
    "many-words": ({"EHLO": b"250-x\r\n" + b"250-KW\r\n" * 100 + b"250 SIZE 1"}, NOT_SMTP),
    "long-word": ({"EHLO": b"250-x\r\n250-" + b"K" * 990 + b"\r\n250 SIZE"}, None),
    **{f"size{n}": ({"EHLO": b"250-x\r\n250 SIZE " + size}, None)
       for n, size in enumerate((b"0", b"-1", b"18446744073709551616", b"  99 99"))},
    "endless-end": ({"QUIT": flood(b"221-x\r\n")}, None),
}


def test_servers_that_mean_harm():
    """their mail waits, and nothing but their mail"""
    zone = {f"{name}.example": [("A", f"127.0.2.{i + 1}")] for i, name in enumerate(HOSTILE)}
    with World(zone, period="1h") as w:
        for name, (how, _) in HOSTILE.items():
            w.peers.append(Raw(zone[f"{name}.example"][0][1], w.port, kind_but(**how)))
            w.send(f"a@{name}.example")
        for name, (_, why) in HOSTILE.items():
            if why:
                expect(why in w.reply(f"a@{name}.example", "pending"), f"{name}: {w.recipients()}")
        until("the others to get theirs", lambda: len(w.recipients()) == sum(1 for _, why in HOSTILE.values() if why))


def test_words_of_others_stay_clean():
    """what a server says reaches views, lists, logs and reports without what turns a terminal or a MIME reader"""
    said = b"550-5.1.1 \x1b[2J\x9b31m \xc2\x9b31m \xe2\x80\xae\xff\r\n550-\r\n550---=_x\r\n550 Bcc: <v@evil.test>"
    with World({"x.example": [("A", "127.0.1.1")]}, period="1h") as w:
        w.peers.append(Raw("127.0.1.1", w.port, kind_but(RCPT=said)))
        w.send("a@x.example")
        expect(w.reply("a@x.example", "failed") == "550-5.1.1 ?[2J?31m ?31m ??\n550-\n550---=_x\n550 Bcc: <v@evil.test>")
        (mail,) = w.server.mails("bob", 1)
        everywhere = w.server.verb("queue", "list").encode() + (w.server.dir / "server.log").read_bytes() + mail
        expect(not [c for c in everywhere if c < 32 and c not in b"\r\n\t" or c >= 127], everywhere)
        report = email.message_from_bytes(mail)
        expect([p.get_content_type() for p in report.get_payload()] ==
               ["text/plain", "message/delivery-status", "text/rfc822-headers"], mail)
        expect("Bcc" not in report and "Bcc" not in report.get_payload(1).get_payload(1), mail)


def test_thousand_long_refusals():
    """each of a thousand long addresses refused at length: one report, which tells of all"""
    domain = ".".join(["d" * 60] * 2 + ["d" * 50]) + ".x.example"
    refusal = b"550-5.1.1 " + "ä".encode() * 480 + b"\r\n550 " + "€".encode() * 320
    with World({domain: [("A", "127.0.1.1")]}, period="1h") as w:
        w.peers.append(Raw("127.0.1.1", w.port, kind_but(EHLO=b"250-x\r\n250 8BITMIME", RCPT=refusal)))
        w.send(*(f"{'u' * 60}{n:04}@{domain}" for n in range(1000)))
        (mail,) = w.server.mails("bob", 1)
        expect(mail.count(b"\nFinal-Recipient:") == 1000, mail.count(b"\nFinal-Recipient:"))
        expect(len(mail) < 4 << 20, len(mail))


def test_silence_under_mails():
    """five hundred places taken by servers that greet and then say no word: others get theirs all the same"""
    zone = {"good.example": [("A", "127.0.1.1")]}
    zone.update({f"s{n}.example": [("A", f"127.0.2.{n + 1}")] for n in range(51)})
    clock = Clock()
    with World(zone, env=clock.env, period="1h") as w:
        good = w.peer("127.0.1.1")
        silent = [Raw(f"127.0.2.{n + 1}", w.port, kind_but(MAIL=lambda stream: None)) for n in range(51)]
        w.peers += silent
        with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 60) as c:
            for n in range(510):
                c.sendmail(FROM, [f"u@s{n % 51}.example"], "Subject: x\r\n\r\nhello\r\n")
        until("every place to be taken", lambda: sum(s.connections for s in silent) >= 500)
        w.send("a@good.example")
        clock.pause(31)
        w.arrived(good)


def test_few_descriptors():
    """where the system allows few open files, servers that keep silent do not take them all"""
    zone = {f"s{n}.example": [("A", f"127.0.2.{n + 1}")] for n in range(100)}
    w = World(zone, period="1h")
    w.server.program = ["sh", "-c", 'ulimit -n 100; exec "$0" "$@"', *w.server.program]
    with w:
        silent = [Raw(f"127.0.2.{n + 1}", w.port, kind_but(greeting=lambda stream: None)) for n in range(100)]
        w.peers += silent
        for n in range(100):
            w.send(f"u@s{n}.example")
        until("places to be taken", lambda: sum(s.connections for s in silent) >= 25)
        w.send("alice@home.example")
        w.server.mails("alice", 1)
        expect("Too many open files" not in w.log(), w.log())


# ---- where names lead -----------------------------------------------------------------------------------

def test_names_lead_inside():
    """no domain of a stranger's sends us to what this machine serves to itself"""
    zone = {"in.example": [("MX", "1 in2.example.")], "in2.example": [("A", "127.0.0.1"), ("AAAA", "::1")],
            "clothed.example": [("AAAA", "::ffff:127.0.0.1")], "any.example": [("A", "0.0.0.0")]}
    with World(zone, period="1h", port=25) as w:
        to = [f"a@{d}" for d in ("in.example", "clothed.example", "any.example")]
        to += ["a@[127.0.0.5]", "a@[IPv6:::1]", "a@[IPv6:::ffff:127.0.0.2]", "a@[0.0.0.0]"]
        for address in to:
            w.send(address)
        for address in to:
            expect(w.reply(address, "failed").startswith("5.4.6"), w.recipients())
