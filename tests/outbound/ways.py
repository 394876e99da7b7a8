"""tests/outbound/ways.py: which way a mail goes, when it is tried again, and when it is enough."""

import base64
import contextlib
import json
import pathlib
import signal
import smtplib
import socket
import struct
import tempfile
import time

from peer import slowly
from world import FROM, ONE, World, certificates, expect, free_port, needs_ipv6, tls, until

HOUR = 3600
DAY = 24 * HOUR


class Clock:
    """The server's clock, which a test moves."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="outbound-clock-", buffering=0)
        self.env = {"VSMTP_CLOCK": self.file.name}
        self.seconds = 0
        self.pause(0)

    def pause(self, seconds):
        time.sleep(0.1)  # it measures how long its commits take: none shall last for hours
        self.seconds += seconds
        self.file.seek(0)  # in place: the server has it in its memory
        self.file.write(struct.pack("=q", int(self.seconds * 1000)))

    def now(self):
        return time.time() + self.seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def tries(w, address):
    """(attempts, status, milliseconds of the next) of a recipient."""
    (row,) = w.server.sql(f"SELECT attempts, status, next_at FROM rcpt WHERE address = '{address}'")
    return row


# ---- ways -----------------------------------------------------------------------------------------------

def test_ipv6_alone():
    """hosts that have no other address, or none that answers"""
    needs_ipv6()
    zone = {"six.example": [("AAAA", "::1")], "mx.example": [("MX", "10 six.example.")],
            "dead4.example": [("A", "127.0.1.7"), ("AAAA", "::1")]}
    port = free_port()
    way = f'if rcpt().domain == "far.example" {{ forward(rcpt(), "[::1]:{port}") }}'
    with World(zone, way, port=port) as w:
        peer = w.peer("::1")
        to = [f"joe@{d}.example" for d in ("six", "mx", "dead4", "far")]
        w.send(*to)
        w.arrived(peer, 4)
        expect({m[1][0][9:-1] for m in peer.mails} == set(to), peer.mails)
        w.empty()


def test_one_mail_in_every_way():
    """each recipient by the transport that a rule chose for him; who is sent nothing is told of to nobody"""
    port, target = free_port(), free_port()
    way = f'''switch rcpt().local_part {{
        "on" => forward(rcpt(), "127.0.1.2:{target}"), "box" => mbox(rcpt()), "dir" => maildir(rcpt()),
        "none" => disable_delivery(rcpt()), "out" => deliver(rcpt()), _ => () }}'''
    with World(ONE, way, port=port) as w:
        peer, other = w.peer("127.0.1.1"), w.peer("127.0.1.2", port=target)
        for name in ("box", "dir"):
            w.server.mailbox(name).mkdir()
        w.send("on@x.example", "box@home.example", "dir@home.example", "none@x.example", "out@x.example",
               "alice@home.example")
        expect(w.arrived(peer)[0][1] == ["RCPT TO:<out@x.example>"], peer.mails)
        expect(w.arrived(other)[0][1] == ["RCPT TO:<on@x.example>"], other.mails)
        w.empty()
        for name in ("dir", "alice"):
            expect(len(w.server.mails(name)) == 1, name)
        box = (w.server.mailbox("box") / "mbox").read_bytes()
        expect(box.startswith(b"From ") and box.count(b"\nSubject: x\n") == 1, box)
        w.send("none@x.example")
        w.empty()
        expect(len(peer.mails) == 1 and not w.server.mails("bob"), "somebody was sent something")


def test_configuration_of_the_day():
    """what waits for a dead server goes to the relay that was named meanwhile, and to the next one"""
    port = free_port()
    relay = '[server.relay]\nhost = "127.0.1.{}:{}"\ntls = "none"\n'
    with World(ONE, port=port, period="1h") as w:
        w.send("joe@x.example", "ann@x.example")
        expect("refused" in w.reply("joe@x.example", "pending"), w.recipients())
        config = w.server.dir / "vsmtp.toml"
        plain = config.read_text()
        for number in (2, 3):
            config.write_text(plain + relay.format(number, port))
            w.server.process.send_signal(signal.SIGHUP)
            until("the reload", lambda: w.log().count("reloaded") == number - 1)
            if number == 2:
                w.server.process.send_signal(signal.SIGUSR1)
                until("an attempt there", lambda: "lane=127.0.1.2:" in w.log())
        peer = w.peer("127.0.1.3")
        w.server.verb("queue", "retry", "--all")
        expect(len(w.arrived(peer)[0][1]) == 2, peer.mails)
        w.empty()


def test_domain_that_wants_encryption():
    """sender_security_level of a virtual domain: its mail goes encrypted, or waits"""
    keys = "certificate = {0}\nprivate_key = {1}\n".format(
        *(f'"{certificates() / name}"' for name in ("x.example.crt", "x.example.key")))
    table = f'protocol_version = ">=TLSv1.2"\n{keys}'
    both = f'[server.tls]\nsecurity_level = "May"\n{table}' + "".join(
        f'[server.virtual."{name}".tls]\n{more}\n{table}' for name, more in (
            ("strict.example", ""), ("lax.example", 'sender_security_level = "May"')))
    with World(ONE, server=both, period="1h") as w:
        plain, other = w.peer("127.0.1.1"), w.peer("127.0.1.2", tls=tls("y.example"))
        for sender in ("ann@strict.example", "ann@lax.example", FROM):
            w.send("a@x.example", "a@y.example", sender=sender)
        w.arrived(plain, 2), w.arrived(other, 3)
        expect(all("@strict.example" not in m[0] for m in plain.mails), plain.mails)
        expect("offers no encryption" in w.reply("a@x.example", "pending"), w.recipients())


def test_login_refused_beside_one_that_is_not():
    """who may not log in is tried once, and takes nothing from those who may"""
    port, seen = free_port(), []

    def auth(peer, stream, source, line):
        seen.append(base64.b64decode(line.split()[2]).decode().split("\0")[1])
        peer.say(stream, "235 welcome" if seen[-1] == "ann" else "535 5.7.8 who are you")
    way = f'forward(rcpt(), `smtp://${{mail_from().local_part}}:x@x.example:{port}?tls=none`)'
    with World(ONE, way, port=port, period="1h") as w:
        peer = w.peer("127.0.1.1", auth=auth, ehlo=["AUTH PLAIN"], mail=slowly("250 ok", 0.5))
        w.send("a@far.example", sender="ann@home.example")
        until("one logged in", lambda: seen)
        w.send("b@far.example", sender="eve@home.example")
        expect(w.reply("b@far.example", "pending").startswith("535 5.7.8"), w.recipients())
        for _ in range(6):
            w.send("c@far.example", sender="ann@home.example")
        w.arrived(peer, 7)
        expect(seen.count("eve") == 1 and peer.most > 3, (seen, peer.most))


def test_few_connections_are_not_for_ever():
    """a server that took no more than two at once is asked for more an hour later"""
    refused = []

    def greeting(peer):
        if peer.now <= 2 or peer.kind:
            return "220 welcome"
        refused.append(peer.now)
        return "421 4.7.0 too many!"
    with Clock() as clock, World(ONE, env=clock.env, period="1h") as w:
        peer = w.peer("127.0.1.1", greeting=greeting, mail=slowly("250 ok", 0.2))
        for peer.kind, passed in ((False, 0), (False, 10 * 60), (True, HOUR)):
            clock.pause(passed)
            until("the idle ones to be gone", lambda: peer.now == 0)
            refused.clear()
            peer.most, count = 0, len(peer.mails)
            for k in range(12):
                w.send(f"u{k}@x.example")
            w.arrived(peer, count + 12)
            w.empty()
            expect(bool(refused) == (passed == 0), (passed, refused))
            expect(peer.most > 5 if peer.kind else passed == 0 or peer.most <= 2, (passed, peer.most))


def test_connections_in_all():
    """five hundred, and the living need not wait for the silent"""
    port, count = free_port(), 560
    silent = {f"s{i}.example": f"127.1.{i // 250}.{1 + i % 250}" for i in range(count)}
    zone = dict(ONE, **{name: [("A", ip)] for name, ip in silent.items()})
    rules = {"main.vsl": '#{ rcpt: [ rule "all" || accept() ], preq: [ rule "hold" || quarantine("held") ] }'}
    with contextlib.ExitStack() as listeners, World(zone, rules=rules, port=port, period="1h") as w:
        for ip in silent.values():
            listeners.enter_context(socket.create_server((ip, port)))
        for i in range(0, count, 80):
            w.send(*(f"u@s{k}.example" for k in range(i, i + 80)))
        w.server.sql("UPDATE quarantine SET queue = 'deliver'")
        fds, most = pathlib.Path(f"/proc/{w.server.process.pid}/fd"), [0]

        def crowded():
            most.append(len([fd for fd in fds.iterdir() if fd.is_symlink()]))
            return most[-1] >= 500
        until("five hundred connections", crowded)
        peer = w.peer("127.0.1.1")
        w.send("joe@x.example")
        w.server.sql("UPDATE quarantine SET queue = 'deliver'")
        until("the living one to have his", lambda: (crowded(), peer.mails)[1], 30)
        expect(max(most) < 550, f"{max(most)} files open")


# ---- when --------------------------------------------------------------------------------------------

def test_back_off_from_minutes_to_hours():
    """nothing configured: 5 minutes, doubled up to 4 hours, with jitter; a warning after 4 hours, 5 days in all"""
    with Clock() as clock, World(ONE, port=free_port(), env=clock.env, period="5m") as w:
        w.send("joe@x.example")
        w.send("joe@y.example")
        begun, gaps = clock.now(), {"x": [], "y": []}

        def until_next(pause):
            """Moves the clock, and says how much later the next of both will be due."""
            clock.pause(pause)
            until("both to wait again", lambda: all(
                (tries(w, f"joe@{d}.example")[2] or 0) / 1000 > clock.now() for d in gaps))
            return min(tries(w, f"joe@{d}.example")[2] / 1000 for d in gaps) - clock.now()
        seconds = until_next(0)
        while min(map(len, gaps.values())) < 9:
            left = begun + 4 * HOUR - clock.now()
            for d, seen in gaps.items():
                n, _, at = tries(w, f"joe@{d}.example")
                if n > len(seen):
                    due = min(300 << n - 1, 4 * HOUR)
                    seen.append(at / 1000 - clock.now())
                    expect(due - 5 <= seen[-1] <= due * 1.25 + 5 or abs(seen[-1] - left) < 5, (n, left, gaps))
            told = 0 if left > 0 else 2
            expect(len(w.server.mails("bob", told)) == told, (left, gaps))
            until("them to be off the queue", lambda: len(w.server.sql("SELECT id FROM queue")) == 2)
            seconds = until_next(seconds + 1)
        expect(max(abs(a - b) for a, b in zip(*gaps.values())) > 5, f"no jitter: {gaps}")
        seconds = until_next(begun + 5 * DAY - HOUR / 2 - clock.now())
        expect(HOUR / 2 - 10 < seconds < HOUR / 2 + 10 and len(w.server.mails("bob")) == 2, seconds)
        clock.pause(seconds + 1)
        for d in gaps:
            expect(w.reply(f"joe@{d}.example", "failed").startswith("given up: 4.4.1"), w.recipients())
        subjects = [m.split(b"\nSubject: ")[1].split(b"\n")[0] for m in w.server.mails("bob", 4)]
        expect(sorted(subjects) == [b"Not delivered yet: x"] * 2 + [b"Not delivered: x"] * 2, subjects)


def test_own_wishes_about_delays():
    """NOTIFY of RFC 3461: who did not ask for delays is not told of any, nor who did, of failures"""
    with Clock() as clock, World(ONE, env=clock.env, period="1h") as w:
        with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30) as c:
            c.ehlo()
            c.mail(FROM)
            for name, wish in (("failure", "FAILURE"), ("delay", "DELAY"), ("never", "NEVER")):
                expect(c.rcpt(f"{name}@x.example", [f"NOTIFY={wish}"])[0] == 250)
            c.data(b"Subject: x\r\n\r\nhello\r\n")
        until("an attempt", lambda: tries(w, "never@x.example")[0] == 1)
        clock.pause(5 * HOUR)
        until("the next", lambda: tries(w, "never@x.example")[0] == 2)
        (warning,) = w.server.mails("bob", 1)
        expect(b"delay@x.example" in warning and b"Action: delayed" in warning, warning)
        expect(b"failure@x.example" not in warning and b"never@x.example" not in warning, warning)
        clock.pause(6 * DAY)
        report = w.server.mails("bob", 2)[1]
        expect(b"failure@x.example" in report and b"Action: failed" in report, report)
        expect(b"delay@x.example" not in report and b"never@x.example" not in report, report)


def test_whole_reply_is_shown():
    """all its lines, by every command that shows it"""
    with World(ONE, period="1h") as w:
        w.peer("127.0.1.1", rcpt="452-4.2.2 over quota\r\n452 4.2.2 see https://far.example/quota")
        w.send("joe@x.example")
        reply = w.reply("joe@x.example", "pending")
        expect(reply == "452-4.2.2 over quota\n452 4.2.2 see https://far.example/quota", reply)
        ((one,),) = w.server.sql("SELECT id FROM queue")
        for words in (("queue",), ("queue", "show", one), ("explain", one)):
            shown = w.server.verb(*words)
            expect(reply.replace("\n", " ") in shown, shown)
        expect(json.dumps(reply) in w.server.verb("queue", "--json"), w.server.verb("queue", "--json"))


# ---- senders that are rewritten (SRS) -------------------------------------------------------------------

ALIASES = '[app.aliases]\n"dad@home.example" = ["dad@x.example"]\n'


def refused(w, address):
    try:
        w.send(address, sender="", text="Subject: it failed\r\n\r\n")
    except smtplib.SMTPRecipientsRefused as e:
        return next(iter(e.recipients.values()))[0] == 550
    return False


def test_rewritten_sender_is_good_for_21_days():
    with Clock() as clock, World(ONE, relay=ALIASES, env=clock.env) as w:
        there, back = w.peer("127.0.1.1"), w.peer("127.0.1.2")

        def rewritten(count):
            w.send("dad@home.example", sender="carol@y.example")
            return w.arrived(there, count)[-1][0].split("<")[1].split(">")[0]

        def comes_back(address, count):
            w.send(address, sender="", text="Subject: it failed\r\n\r\n")
            expect(w.arrived(back, count)[-1][:2] == ("MAIL FROM:<>" + back.mails[-1][0][12:],
                                                      ["RCPT TO:<carol@y.example>"]), back.mails)
        first = rewritten(1)
        expect(first.startswith("SRS0=") and first.endswith("=y.example=carol@home.example"), first)
        clock.pause(21 * DAY)
        comes_back(first, 1)
        clock.pause(DAY)
        expect(refused(w, first), "good for ever")
        second = rewritten(2)
        comes_back(second, 2)
        # The next key is made at a start, half a year after the first; the first is known on.
        clock.pause(170 * DAY)
        second = rewritten(3)
        w.server.stop()
        w.server.start()
        third = rewritten(4)
        expect(third[:13] != second[:13], "the key is the old one")
        comes_back(second, 3)
        comes_back(third, 4)


def test_sender_is_rewritten_for_each_copy():
    """by one server to others and to ours: two copies, of which one has the sender as he is"""
    port = free_port()
    with World(ONE, f'forward_all("127.0.1.1:{port}")', port=port) as w:
        peer = w.peer("127.0.1.1")
        w.send("dad@x.example", "alice@home.example", "mum@x.example", "bob@home.example", sender="carol@y.example")
        copies = {tuple(to): sender.split("<")[1].split(">")[0] for sender, to, _ in w.arrived(peer, 2)}
        ours = copies.pop(("RCPT TO:<alice@home.example>", "RCPT TO:<bob@home.example>"))
        theirs = copies.pop(("RCPT TO:<dad@x.example>", "RCPT TO:<mum@x.example>"))
        expect(ours == "carol@y.example" and theirs.startswith("SRS0="), (ours, theirs))
        w.send("dad@x.example", "alice@home.example", sender=FROM)
        expect(len(w.arrived(peer, 3)[2][1]) == 2, peer.mails)
