#!/usr/bin/env python3
"""Mail that leaves: outbound.py VSMTP [PART].

knot serves the zones (tests/spf/names.py); the servers of other people are Peer, which does what it
is told, and the real ones (others.py), unpacked by tests/peers.sh. All stand on addresses of loopback,
on one port, which VSMTP_MX_PORT names instead of 25. Each test is a function and gets its own server.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import pathlib
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(folder) for folder in pathlib.Path(__file__).resolve().parents[:2]]
import ending  # noqa: E402
import hand  # noqa: E402
import hostile  # noqa: E402
import others  # noqa: E402
import postfix  # noqa: E402
import strangers  # noqa: E402
import tokens  # noqa: E402
import ways  # noqa: E402
from peer import Peer, slowly  # noqa: E402
from ways import Clock  # noqa: E402
from world import (  # noqa: E402
    FROM, HERE, ONE, PROGRAM, World, expect, free_port, kit, mx, needs_ipv6, tls, trusting, until)

# ---- where to -----------------------------------------------------------------------------------------

def test_best_two_are_dead():
    zone = mx((10, "a"), (20, "b"), (30, "c"), a="127.0.1.1", b="127.0.1.2", c="127.0.1.3")
    with World(zone) as w:
        last = w.peer("127.0.1.3")
        w.send("joe@x.example", "ann@X.Example")
        sender, to, text = w.arrived(last)[0]
        expect(sender.startswith(f"MAIL FROM:<{FROM}>"), sender)
        expect([r[:25] for r in to] == ["RCPT TO:<joe@x.example>", "RCPT TO:<ann@X.Example>"], to)
        expect(b"\r\nSubject: x\r\n\r\nhello\r\n" in text, text)
        w.empty()
        w.says("relay=c.x.example status=delivered reply=\"250 taken\"")
        w.send("joe@x.example")
        w.arrived(last, 2)
        expect(last.connections == 1, "the connection was not used again")


def test_equals_share():
    zone = mx((10, "a"), (10, "b"), (20, "c"), a="127.0.1.1", b="127.0.1.2", c="127.0.1.3")
    for i in range(40):
        zone[f"d{i}.example"] = zone["x.example"]
    with World(zone) as w:
        a, b, c = (w.peer(f"127.0.1.{i}") for i in (1, 2, 3))
        for i in range(40):  # one by one: to whom there are ten connections nobody else goes
            w.send(f"joe@d{i}.example")
            until("it to arrive", lambda: len(a.mails) + len(b.mails) == i + 1)
        expect(len(a.mails) > 4 and len(b.mails) > 4 and not c.mails, (len(a.mails), len(b.mails)))


def test_domains_that_take_nothing():
    zone = {"null.example": [("MX", "0 .")], "text.example": [("TXT", '"x"')],
            "lost.example": [("MX", "5 nowhere.example.")]}
    with World(zone) as w:
        w.send("a@null.example", "b@text.example", "c@lost.example", "d@missing.example")
        expect(w.reply("a@null.example", "failed").startswith("5.1.10"))
        expect(w.reply("b@text.example", "failed").startswith("5.4.4"))
        expect(w.reply("c@lost.example", "failed").startswith("5.4.4"))
        expect(w.reply("d@missing.example", "failed").startswith("5.1.2"))


def test_address_of_the_domain_itself():
    with World({"plain.example": [("A", "127.0.1.1")]}) as w:
        peer = w.peer("127.0.1.1")
        w.send("joe@plain.example")
        w.arrived(peer)
        w.send("joe@[127.0.1.1]")
        w.arrived(peer, 2)


def test_loops_stop():
    port = free_port()
    zone = mx((10, "a"), (20, "us"), (30, "c"), a="127.0.1.1", us="127.0.0.1", c="127.0.1.3")
    zone["loop.example"] = [("MX", "10 us.x.example.")]
    zone["mirror.example"] = [("A", "127.0.1.9")]
    with World(zone, port=port) as w:
        w.server.stop()
        config = (w.server.dir / "vsmtp.toml").read_text()
        (w.server.dir / "vsmtp.toml").write_text(config.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        w.server.start()
        mirror = w.peer("127.0.1.9", name="home.example")
        worse = w.peer("127.0.1.3")
        w.send("a@loop.example", "b@mirror.example", "c@x.example")
        for address in ("a@loop.example", "b@mirror.example"):
            expect(w.reply(address, "failed").startswith("5.4.6"), w.recipients())
        expect(w.reply("c@x.example", "pending").startswith("4.4.1"), w.recipients())
        expect(not worse.mails and not mirror.mails, "sent beyond ourselves")


def test_ipv6_as_configured():
    needs_ipv6()
    zone = {"six.example": [("AAAA", "::1"), ("A", "127.0.1.1")]}
    for strategy, four, six in (("Ipv4Only", 1, 0), ("Ipv6Only", 0, 1), ("Ipv6thenIpv4", 0, 1), ("Ipv4thenIpv6", 1, 0)):
        with World(zone, dns=f', ip_strategy = "{strategy}"') as w:
            peers = w.peer("127.0.1.1"), w.peer("::1")
            w.send("joe@six.example")
            w.empty()
            expect([len(p.mails) for p in peers] == [four, six], strategy)


def test_name_servers_are_silent():
    with World({"x.example": [("A", "127.0.1.1")]}, patience="1s") as w:
        peer = w.peer("127.0.1.1")
        knot = w.dns.running[0]
        knot.process.send_signal(signal.SIGSTOP)
        w.send("joe@x.example")
        expect(w.reply("joe@x.example", "pending").startswith("4.4.3"))
        knot.process.send_signal(signal.SIGCONT)
        w.arrived(peer)
        w.empty()


# ---- what servers answer ------------------------------------------------------------------------------

def test_greylisting():
    seen = []

    def rcpt(peer, line):
        seen.append(line)
        return "450 4.2.0 greylisted, come back" if len(seen) == 1 else "250 ok"
    with World(ONE) as w:
        peer = w.peer("127.0.1.1", rcpt=rcpt)
        w.send("joe@x.example")
        expect(w.reply("joe@x.example", "pending") == "450 4.2.0 greylisted, come back")
        w.arrived(peer)
        w.empty()


def test_each_recipient_has_its_own_fate():
    def rcpt(peer, line):
        return ("550 5.1.1 who is that" if "<no@" in line else
                "451 4.3.0 later" if "<later@" in line and not peer.mails else "250 ok")
    with World(ONE) as w:
        peer = w.peer("127.0.1.1", rcpt=rcpt)
        w.send("joe@x.example", "no@x.example", "later@x.example")
        expect(w.reply("no@x.example", "failed") == "550 5.1.1 who is that")
        until("the second mail", lambda: len(peer.mails) == 2)
        expect([[r[8:] for r in m[1]] for m in peer.mails] == [["<joe@x.example>"], ["<later@x.example>"]], peer.mails)


def test_large_replies_and_refusals():
    """each server is as it is; none harms another"""
    zone = {f"p{i}.example": [("A", f"127.0.1.{i}")] for i in range(1, 10)}
    with World(zone, period="1h") as w:
        w.peer("127.0.1.1", dot="552 5.3.4 too big\r\n552 not for us".replace("552 5", "552-5"))
        w.peer("127.0.1.2", middle=lambda p, line: "421 4.3.2 going down!")
        w.peer("127.0.1.3", greeting="220 " + "x" * 1000000)
        w.peer("127.0.1.4", rcpt="250 ok\r\n250 and once more\r\n250 and again")
        w.peer("127.0.1.5", greeting="554 go away!")
        w.peer("127.0.1.6", mail="501 5.1.7 bad sender")
        w.peer("127.0.1.7", data="354 go on\r\n250 taken already")
        w.peer("127.0.1.8", dot=None)
        kind = w.peer("127.0.1.9")
        w.send(*(f"a@p{i}.example" for i in range(1, 10)))
        expect(w.reply("a@p1.example", "failed") == "552-5.3.4 too big\n552 not for us")
        expect(w.reply("a@p2.example", "pending") == "421 4.3.2 going down")
        expect("not SMTP" in w.reply("a@p3.example", "pending"))
        expect("reply to nothing" in w.reply("a@p4.example", "pending"), w.recipients())
        expect(w.reply("a@p5.example", "pending") == "554 go away")
        expect(w.reply("a@p6.example", "failed") == "501 5.1.7 bad sender")
        expect("reply to nothing" in w.reply("a@p7.example", "pending"), w.recipients())
        expect(w.reply("a@p8.example", "pending").startswith("4.4.2"))
        w.arrived(kind)


def test_what_does_not_fit_is_refused_here():
    zone = {f"p{i}.example": [("A", f"127.0.1.{i}")] for i in range(1, 5)}
    with World(zone) as w:
        plain = w.peer("127.0.1.1", ehlo=[])
        small = w.peer("127.0.1.2", ehlo=["SIZE 20"])
        old = w.peer("127.0.1.3", hello=lambda p, line: "502 what" if line.startswith("EHLO") else "250 old")
        full = w.peer("127.0.1.4")
        text = "Subject: x\r\n\r\nhällo\r\n".encode()
        w.send("a@p1.example", "a@p2.example", "a@p3.example", "a@p4.example", text=text, options=["BODY=8BITMIME"])
        for i, code in ((1, "5.6.3"), (2, "5.3.4"), (3, "5.6.3")):
            expect(w.reply(f"a@p{i}.example", "failed").startswith(code), w.recipients())
        expect(text.split(b"\r\n")[2] in w.arrived(full)[0][2], "mangled")
        expect("BODY=8BITMIME" in full.mails[0][0], full.mails[0][0])
        w.send("b@p1.example", "b@p3.example")
        w.arrived(plain), w.arrived(old)
        expect(" " not in plain.mails[0][0][10:], plain.mails[0][0])
        expect(not small.mails)


def test_each_reply_has_its_time():
    """a server that takes four minutes for every recipient: RFC 5321 grants five for each"""
    with Clock() as clock, World(ONE, env=clock.env, period="1h") as w:
        def rcpt(peer, line):
            time.sleep(0.3)
            clock.pause(240)
            time.sleep(0.3)
            return "250 ok"
        peer = w.peer("127.0.1.1", rcpt=rcpt, ehlo=["8BITMIME"])
        w.send("a@x.example", "b@x.example", "c@x.example")
        expect(len(w.arrived(peer)[0][1]) == 3, w.log())
        w.empty()


def test_slow_drip():
    fast_is_done = threading.Event()
    with World(ONE) as w:
        slow = w.peer("127.0.1.1", rcpt=slowly("250 ok", 1), mail=lambda p, line: fast_is_done.wait(60) and "250 ok")
        fast = w.peer("127.0.1.2")
        w.send("a@x.example")
        w.send("a@y.example")
        w.arrived(fast)
        fast_is_done.set()
        w.arrived(slow)
        w.empty()


def test_lost_under_the_mail():
    """a connection that was idle and is closed by the peer is no trouble"""
    with World(ONE, period="1h") as w:
        peer = w.peer("127.0.1.1", mail=lambda p, line: None if p.mails and p.connections == 1 else "250 ok")
        w.send("a@x.example")
        w.arrived(peer)
        w.send("b@x.example")
        w.arrived(peer, 2)


# ---- back-off, lifetime, people -------------------------------------------------------------------------

def test_dead_host_is_tried_once():
    with World(ONE, period="1h") as w:
        for i in range(20):
            w.send(f"u{i}@x.example")
        until("all of them put off", lambda: len([1 for r in w.recipients() if "refused" in r[2]]) == 20)
        expect(w.log().count("failed=1") == 1 and "failed=2" not in w.log())
        peer = w.peer("127.0.1.1")
        w.send("new@x.example")
        time.sleep(1)
        expect(not peer.mails, "tried in its back-off")
        w.server.process.send_signal(signal.SIGUSR1)
        w.arrived(peer, 21)
        w.empty()
        expect(peer.most <= 10, f"{peer.most} connections at once")


def test_back_off_grows():
    with World(ONE, period="300ms") as w:
        w.send("a@x.example")
        until("four attempts", lambda: w.log().count("lane=x.example failed=") >= 4)
        tries = w.server.sql("SELECT attempts FROM recipient")[0][0]
        expect(3 <= tries <= 5, tries)
        w.send("b@x.example")
        expect("refused" in w.reply("b@x.example", "pending"))


def test_attempts_and_lifetime_end():
    with World(ONE, period="100ms", delivery="deferred_retry_max = 3") as w:
        w.send("a@x.example")
        expect(w.reply("a@x.example", "failed").startswith("given up: 4.4.1"))
    with World(ONE, period="200ms", delivery='lifetime = "1s"') as w:
        w.send("a@x.example")
        expect(w.reply("a@x.example", "failed").startswith("given up: 4.4.1"))


# ---- encryption -----------------------------------------------------------------------------------------

def test_encrypted_where_offered():
    with World(ONE) as w:
        peer, plain = w.peer("127.0.1.1", tls=tls("y.example")), w.peer("127.0.1.2")
        w.send("a@x.example", "a@y.example")
        w.arrived(peer), w.arrived(plain)
        expect(peer.lines[1] == "STARTTLS" and peer.lines[2].startswith("EHLO "), peer.lines)
        w.says("tls=TLSv1.")


def test_broken_tls():
    """in clear where that is good enough, else not at all"""
    with World(ONE, 'if rcpt().local_part == "must" { forward(rcpt(), "smtp://x.example:PORT?tls=required") }'
               .replace("PORT", str(port := free_port())), port=port, period="1h") as w:
        peer = w.peer("127.0.1.1", tls=tls("x.example"), break_tls=True)
        refusing = w.peer("127.0.1.2", tls=tls("y.example"), starttls="454 4.7.0 not now")
        w.send("a@x.example", "must@x.example", "a@y.example")
        w.arrived(peer)
        expect(peer.lines.count("STARTTLS") >= 2 and peer.lines[-1] != "STARTTLS", peer.lines)
        expect(w.reply("must@x.example", "pending").startswith("4.7.5"), w.recipients())
        w.arrived(refusing)


def test_policies():
    port = free_port()
    way = f'''let r = rcpt();
      if r.domain == "none.example" {{ forward(r, "smtp://x.example:{port}?tls=none") }}
      else if r.domain == "sure.example" {{ forward(r, "smtp://x.example:{port}?tls=verified") }}
      else if r.domain == "wrong.example" {{ forward(r, "smtp://y.example:{port}?tls=verified") }}
      else if r.domain == "must.example" {{ forward(r, "smtp://y.example:{port}?tls=required") }}
      else {{ forward(r, "smtp://z.example:{port}?tls=required") }}'''
    zone = dict(ONE, **{"z.example": [("A", "127.0.1.3")]})
    with World(zone, way, port=port, env=trusting(), period="1h") as w:
        x, y, z = (w.peer("127.0.1.1", tls=tls("x.example")), w.peer("127.0.1.2", tls=tls("x.example")),
                   w.peer("127.0.1.3"))
        for name in ("none", "sure", "wrong", "must", "nothing"):
            w.send(f"a@{name}.example")
        w.arrived(x, 2), w.arrived(y)
        expect(w.reply("a@wrong.example", "pending").startswith("4.7.5"), w.recipients())
        expect("offers no encryption" in w.reply("a@nothing.example", "pending"))
        expect(not z.mails)


def test_words_before_the_encryption():
    """what stands behind the reply to STARTTLS is not heard inside"""
    port = free_port()
    with World(ONE, f'forward(rcpt(), "smtp://x.example:{port}?tls=required")', port=port, period="1h") as w:
        peer = w.peer("127.0.1.1", tls=tls("x.example"),
                      starttls="220 go on\r\n250-peer\r\n250 AUTH PLAIN")
        w.send("a@x.example")
        expect("reply to nothing" in w.reply("a@x.example", "pending"), w.recipients())
        expect(not peer.mails)


# ---- who we are -----------------------------------------------------------------------------------------

class Auth:
    """The server's side of AUTH."""

    def __init__(self, mechs, user="joe@x.example", password="se:cr%et"):
        self.mechs, self.user, self.password = mechs, user, password
        self.used = []

    def offer(self, peer, encrypted):
        return ["PIPELINING", "8BITMIME", f"AUTH {self.mechs}"]

    def __call__(self, peer, stream, source, line):
        word = line.split()
        self.used.append(word[1])
        good = getattr(self, word[1].lower().replace("-", "_"))(peer, stream, source, word)
        peer.say(stream, "235 2.7.0 welcome" if good else "535 5.7.8 who are you")

    def challenge(self, peer, stream, source, text):
        peer.say(stream, "334 " + base64.b64encode(text).decode())
        return base64.b64decode(next(source))

    def plain(self, peer, stream, source, word):
        return base64.b64decode(word[2]).decode() == f"\0{self.user}\0{self.password}"

    def login(self, peer, stream, source, word):
        user = self.challenge(peer, stream, source, b"Username:")
        password = self.challenge(peer, stream, source, b"Password:")
        return (user.decode(), password.decode()) == (self.user, self.password)

    def xoauth2(self, peer, stream, source, word):
        if base64.b64decode(word[2]).decode() == f"user={self.user}\1auth=Bearer {self.password}\1\1":
            return True
        self.challenge(peer, stream, source, b'{"status":"401"}')
        return False

    def scram_sha_256(self, peer, stream, source, word):
        bare = base64.b64decode(word[2]).decode()[3:]
        nonce, salt, rounds = bare.split("r=")[1] + "more", b"salt", 4096
        first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
        final = self.challenge(peer, stream, source, first.encode()).decode()
        without, proof = final.rsplit(",p=", 1)
        key = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, rounds)

        def mac(k, text):
            return hmac.new(k, text, "sha256").digest()
        client = mac(key, b"Client Key")
        message = f"{bare},{first},{without}".encode()
        want = bytes(a ^ b for a, b in zip(client, mac(hashlib.sha256(client).digest(), message)))
        if base64.b64decode(proof) != want:
            return False
        server = mac(mac(key, b"Server Key"), message)
        if getattr(self, "liar", False):
            server = b"x" * 32
        self.challenge(peer, stream, source, b"v=" + base64.b64encode(server))
        return True


def relay_world(auth, relay="", password="se:cr%et", **how):
    port = free_port()
    w = World(ONE, port=port, env=trusting(), relay=(
        f'[server.relay]\nhost = "x.example:{port}"\nuser = "joe@x.example"\npassword_file = "secret"\n{relay}'),
        period="1h")
    (w.server.dir / "secret").write_text(password + "\n")
    (w.server.dir / "secret").chmod(0o600)
    peer = w.peer("127.0.1.1", auth=auth, offer=auth.offer, **how)
    return w, peer


def test_relay_takes_everything():
    for mechs, used in (("PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"), ("LOGIN PLAIN", "PLAIN"), ("LOGIN", "LOGIN")):
        auth = Auth(mechs)
        w, peer = relay_world(auth, tls=tls("x.example"))
        with w:
            w.send("a@nowhere.example", "b@elsewhere.example")
            _, to, _ = w.arrived(peer)[0]
            expect(len(to) == 2 and auth.used == [used], (to, auth.used))
            expect("se:cr" not in w.log() + w.server.log(), "the password is in the log")


def test_password_is_not_shown():
    """to whoever is not proven, or has no encryption; nor believed, who does not prove that he knows it"""
    auth, wrong, liar = Auth("PLAIN"), Auth("PLAIN", password="other"), Auth("SCRAM-SHA-256")
    liar.liar = True
    for auth, how, relay, want in (
            (auth, {}, "", "4.7.5"), (auth, {"tls": tls("y.example")}, "", "4.7.5"),
            (auth, {}, 'tls = "opportunistic"', "4.7.5"), (wrong, {"tls": tls("x.example")}, "", "535 5.7.8"),
            (liar, {"tls": tls("x.example")}, "", "4.4.1")):
        w, peer = relay_world(auth, relay, **how)
        with w:
            w.send("a@nowhere.example")
            expect(w.reply("a@nowhere.example", "pending").startswith(want), w.recipients())
            expect(not peer.mails and len(auth.used) == (not want.startswith("4.7")), auth.used)


def test_password_in_clear_if_told_so():
    auth = Auth("PLAIN")
    w, peer = relay_world(auth, 'tls = "none"')
    with w:
        w.send("a@nowhere.example")
        w.arrived(peer)


def test_token():
    """of a file, which is read anew for each connection"""
    port, auth = free_port(), Auth("XOAUTH2 PLAIN", password="new.token")
    with tempfile.NamedTemporaryFile("w+") as token:
        token.write("old.token\n")
        token.flush()
        way = (f'forward(rcpt(), "smtp://joe%40x.example@x.example:{port}?tls=required&token_file={token.name}")')
        with World(ONE, way, port=port) as w:
            peer = w.peer("127.0.1.1", auth=auth, offer=auth.offer, tls=tls("x.example"))
            w.send("a@nowhere.example")
            expect(w.reply("a@nowhere.example", "pending").startswith("535"))
            token.seek(0)
            token.write("new.token\n")
            token.flush()
            w.arrived(peer)


def test_per_sender_by_rule():
    port, joe, ann = free_port(), Auth("PLAIN", user="joe", password="jp"), Auth("PLAIN", user="ann", password="ap")
    way = f'''forward(rcpt(), switch mail_from().local_part {{
        "joe" => "smtps://joe:jp@x.example:{port}", "ann" => "smtp://ann:ap@y.example:{port}?auth=plain" }})'''
    with World(ONE, way, port=port, env=trusting()) as w:
        x = w.peer("127.0.1.1", auth=joe, offer=joe.offer, tls=tls("x.example"), implicit=True)
        y = w.peer("127.0.1.2", auth=ann, offer=ann.offer, tls=tls("y.example"))
        w.send("a@far.example", sender="joe@home.example")
        w.send("a@far.example", sender="ann@home.example")
        w.arrived(x), w.arrived(y)
        expect("jp@" not in w.log() and ":ap" not in w.log(), w.log())


def test_targets_are_checked_in_the_rule():
    way = '''try { forward(rcpt(), "smtp://joe:secret@x.example?tls=maybe") } catch (e) { log("warn", `caught ${e}`) }'''
    with World(ONE, way) as w:
        peer = w.peer("127.0.1.1")
        w.send("a@x.example")
        w.arrived(peer)
        told = (w.server.dir / "app.log").read_text()
        expect("cannot forward" in told and "secret" not in told, told)


# ---- LMTP -----------------------------------------------------------------------------------------------

def test_lmtp():
    port = free_port()

    def dot(peer, rcpt):
        return ("452 4.2.2 full" if "<full@" in rcpt else "550 5.2.1 gone" if "<gone@" in rcpt else
                f"250 2.1.5 {rcpt[9:12]} saved")

    def rcpt(peer, line):
        return "550 5.1.1 nobody" if "<no@" in line else "250 ok"
    with World(ONE, f'forward(rcpt(), "lmtp://x.example:{port}")', period="1h") as w:
        peer = w.peer("127.0.1.1", port=port, lmtp=True, dot=dot, rcpt=rcpt)
        w.send(*(f"{n}@home.example" for n in ("one", "no", "full", "gone", "two")))
        expect(w.reply("full@home.example", "pending") == "452 4.2.2 full")
        expect(w.reply("gone@home.example", "failed") == "550 5.2.1 gone")
        expect(w.reply("no@home.example", "failed") == "550 5.1.1 nobody")
        expect(w.reply("one@home.example", "done") == "250 2.1.5 one saved")
        expect(w.reply("two@home.example", "done") == "250 2.1.5 two saved")
        expect(peer.lines[0] == "LHLO home.example" and peer.lines.count("DATA") == 1, peer.lines)


def test_lmtp_at_a_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lmtp"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o777)
        pathlib.Path(folder).chmod(0o755)
        with World(ONE, f'forward(rcpt(), "lmtp:unix:{path}")') as w:
            peer = Peer("socket", None, lmtp=True)
            peer.listener = listener
            peer.start()
            w.peers.append(peer)
            w.send("one@home.example", "two@home.example")
            expect(len(w.arrived(peer)[0][1]) == 2)
            w.empty()


# ---- crowds ---------------------------------------------------------------------------------------------

class Sinks:
    """Many servers in one process."""

    def __init__(self, port, *addresses):
        self.file = pathlib.Path(tempfile.mkdtemp(prefix="sink-")) / "mails"
        self.file.touch()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "sink.py", str(port), self.file, *addresses], stdout=subprocess.PIPE)
        expect(self.process.stdout.readline() == b"ready\n", "the sinks do not stand")

    def mails(self):
        return [line.split() for line in self.file.read_text().splitlines()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.file.parent)


def hosts(count):
    """Of every four: two live, one refuses connections, one is silent."""
    names_of = {f"h{i}.example": f"127.{1 + i // 250}.{i // 250}.{1 + i % 250}" for i in range(count)}
    living = {n: ip for k, (n, ip) in enumerate(names_of.items()) if k % 4 < 2}
    silent = {n: ip for k, (n, ip) in enumerate(names_of.items()) if k % 4 == 3}
    return names_of, living, silent


HOLD = {"main.vsl": '#{ rcpt: [ rule "all" || accept() ], preq: [ rule "hold" || quarantine("held") ] }'}


def fill(w, addresses, text="Subject: x\r\n\r\nhello\r\n"):
    """One mail to each, in a quarantine, over some connections at once."""
    def some(mine):
        with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 60) as c:
            for address in mine:
                c.sendmail(FROM, [address], text)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(some, addresses[i::8]) for i in range(8)]:
            done.result()


def release(w):
    w.server.sql("UPDATE quarantine SET queue = 'deliver'")


def again(w, living):
    """Our own sinks may be too slow for the machine they share with us: theirs is tried by hand, as people would."""
    late = w.server.sql("SELECT id, address FROM recipient WHERE last_reply LIKE '4.4.1%'")
    late = [i for i, address in late if address.split("@")[1] in living]
    if late:
        status, said = kit.run(*PROGRAM, "queue", "retry", *late, "-c", w.server.dir / "vsmtp.toml")
        expect(status in (0, 67), said)  # 67: one of them has arrived meanwhile
        time.sleep(2)


def crowd(host_count, mail_count, seconds):
    kit.needs_files(2 * host_count + 100)  # the sinks: a listener and a connection of each host
    names_of, living, silent = hosts(host_count)
    zone = {n: [("A", ip)] for n, ip in names_of.items()}
    to = [f"u{k}@h{k % host_count}.example" for k in range(mail_count)]
    alive = sum(t.split("@")[1] in living for t in to)
    with World(zone, rules=HOLD, period="5m", port=(port := free_port())) as w, \
            Sinks(port, *living.values(), *("silent:" + ip for ip in silent.values())) as sinks:
        fill(w, to)
        began = time.time()
        release(w)
        until("the living to have theirs", lambda: len(sinks.mails()) >= alive or again(w, living), seconds, 1)
        taken = time.time() - began
        until("the dead to be put off", lambda: w.server.sql(
            "SELECT count(*) FROM recipient WHERE status = 'pending' AND attempts = 0 AND last_reply = ''")[0][0] == 0,
            120)
        expect(len(sinks.mails()) == alive and len({m[2] for m in sinks.mails()}) == alive, "twice")
        until("the outcomes to be written", lambda: w.server.sql("SELECT count(*), max(attempts) FROM recipient")[0] ==
              (mail_count - alive, 1))
        return taken


def test_dead_hosts_do_not_delay_the_living():
    taken = crowd(1000, 10000, 240)
    print(f"     5000 mails for the living after {taken:.1f} s")


def test_localhost_needs_no_name_server():
    """as a target and as the relay; a stranger's domain of that name is another matter"""
    port = free_port()
    for way, relay in ((f'forward(rcpt(), "localhost:{port}")', ""),
                       ("", f'[server.relay]\nhost = "localhost:{port}"')):
        with World(ONE, way, port=port, relay=relay, period="1h") as w:
            peer = w.peer("127.0.0.1")
            w.send("u@nowhere.example")
            w.arrived(peer)
            w.empty()
    with World(ONE, period="1h") as w:
        w.send("u@localhost")
        until("it to have failed", lambda: [r for r in w.recipients() if r[1] == "failed"])


def test_destinations_are_bounded():
    """two mails to 1300 hosts that keep silent, while 1200 are remembered: the others wait, untried"""
    hosts_of = [f"h{i}.example" for i in range(1300)]
    with World({h: [("A", "127.0.1.1")] for h in hosts_of}, port=(port := free_port())) as w, \
            Sinks(port, "silent:127.0.1.1"):
        for half in (hosts_of[:650], hosts_of[650:]):
            w.send(*(f"u@{h}" for h in half))
        until("all to be taken up", lambda: w.server.log("server.log").count(" status=waits ") >= 100)
        waits = [line for line in w.server.log("server.log").splitlines() if " status=waits " in line]
        expect(len(waits) == 100 and all("4.3.1 mails to too many" in line for line in waits), waits[:3])
        w.server.stop()
        expect(w.server.sql("SELECT count(*), max(attempts) FROM recipient WHERE status = 'pending'")[0] == (1300, 0))


def test_killed_in_the_middle():
    """a thousand deliveries, kill -9, twice: all arrive, and twice only what was in flight"""
    with World({"x.example": [("A", "127.0.1.1")], "y.example": [("A", "127.0.1.2")]}, rules=HOLD,
               port=(port := free_port())) as w, Sinks(port, "127.0.1.1", "127.0.1.2") as sinks:
        fill(w, [f"u{k}@{'xy'[k % 2]}.example" for k in range(1000)])
        release(w)
        for part in (300, 600):
            until(f"{part} mails", lambda: len(sinks.mails()) >= part)
            w.server.process.kill()
            w.server.process.wait()
            w.server.start()
        w.empty(60)
        to = [m[2] for m in sinks.mails()]
        expect(len(set(to)) == 1000, f"{1000 - len(set(to))} are lost")
        expect(len(to) - 1000 <= 2 * 20, f"{len(to) - 1000} came twice, with 20 connections at most")


def test_connections_are_few():
    zone = {f"d{i}.example": [("MX", "10 mx.example.")] for i in range(40)}
    zone["mx.example"] = [("A", "127.0.1.1")]
    with World(zone, rules=HOLD) as w:
        peer = w.peer("127.0.1.1", rcpt=slowly("250 ok", 0.05))
        fill(w, [f"u{k}@d{k % 40}.example" for k in range(200)])
        release(w)
        until("all of them", lambda: len(peer.mails) == 200, 60)
        expect(peer.most <= 10, f"{peer.most} connections at once")


def test_server_takes_few_connections():
    """what is refused beyond that is no failure"""
    def greeting(peer):
        return "421 4.7.0 too many!" if peer.now > 2 else "220 welcome"
    with World(ONE, rules=HOLD, period="1h") as w:
        peer = w.peer("127.0.1.1", greeting=greeting, rcpt=slowly("250 ok", 0.02))
        fill(w, [f"u{k}@x.example" for k in range(60)])
        release(w)
        until("all of them", lambda: len(peer.mails) == 60, 30)
        w.empty()


def test_damaged_mail_harms_no_other():
    with World(ONE, period="1h") as w:
        for k in range(5):
            w.send(f"u{k}@x.example", text="Subject: x\r\n\r\n" + "hello\r\n" * 30000)
        until("all to be put off", lambda: len([1 for r in w.recipients() if r[1] == "pending" and r[2]]) == 5)
        w.server.sql("DELETE FROM body WHERE at IN (SELECT key + 2 FROM message ORDER BY id LIMIT 4)")
        peer = w.peer("127.0.1.1")
        w.server.process.send_signal(signal.SIGUSR1)
        w.arrived(peer)
        for k in range(4):
            expect(w.reply(f"u{k}@x.example", "failed").startswith("5.3.0"), w.recipients())


def test_people_act():
    with World(ONE, period="1h") as w:
        w.send("a@x.example")
        w.reply("a@x.example", "pending")
        w.send("b@x.example")
        w.reply("b@x.example", "pending")
        (one,), (two,) = w.server.sql("SELECT id FROM queue ORDER BY id")
        w.server.verb("queue", "hold", two)
        peer = w.peer("127.0.1.1")
        w.server.verb("queue", "retry", one)
        w.arrived(peer)
        w.server.verb("quarantine", "release", two)
        w.arrived(peer, 2)
        w.empty()


if __name__ == "__main__":
    kit.main("outbound", [test for names in (globals(), vars(ending), vars(hand), vars(hostile), vars(others),
                                             vars(postfix), vars(strangers), vars(tokens), vars(ways))
                          for test in kit.tests_of(names)])
