#!/usr/bin/env python3
"""Delegation with real filters and with a hostile one (filters.py): delegate.py PROGRAM [PART].

smtp-sink is Postfix's, clamsmtpd and clamd are the real ones. Each test is a function and gets its own
server.
"""

import io
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from filters import CLEAN, EICAR, FORGED, FROM, TO, Clamsmtpd, World, marked, mime, numbers  # noqa: E402
import kit  # noqa: E402
import stopping  # noqa: E402
from kit import Daemon, expect, free_port, listens, stop_listening, unpacked, until  # noqa: E402

# ---- with the real clamsmtpd ---------------------------------------------------------------------

def test_clam_clean(program):
    with World(program) as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        mail = w.server.mails(count=1)[0].replace(b"\r\n", b"\n")
        head, _, body = mail.partition(b"\n\n")
        expect(body == b"hello\n.dot\n..\nend\n", repr(body))
        expect(b"X-AV-Checked: ClamAV using ClamSMTP" in head, repr(head))
        expect(head.count(b"Received:") == 1 and FORGED.encode() not in head, repr(head))
        trace = [row[0] for row in w.server.sql(
            "SELECT status FROM trace WHERE kind = 'delegate' ORDER BY rowid")]
        expect(trace == ["delegated", "returned", "next"], trace)


def test_clam_virus(program):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("eicar.com", EICAR)
    with World(program) as w:
        for text in (f"Subject: v\n\n{EICAR}\n", mime(EICAR.encode(), "e.com"),
                     mime(packed.getvalue(), "e.zip"), f"{EICAR}\n"):
            code, said = w.send(text)
            expect(code == 250, f"{code} {said}")
        rows = w.server.sql("SELECT queue, stage, rule FROM quarantine")
        expect(len(rows) == 4, rows)
        expect(rows[0][0] == "virus_q" and "check email for virus" in str(rows[0]), rows[0])
        expect(not w.server.mails(), "a virus was delivered")


def test_clam_connection_of_two(program):
    with World(program) as w:
        with w.client() as c:
            for _ in range(2):
                expect(w.send(CLEAN, c) == (250, ""), "not accepted")
            expect(w.send(f"Subject: v\n\n{EICAR}\n", c) == (250, ""), "not accepted")
        w.server.mails(count=2)
        expect(len(w.server.sql("SELECT 1 FROM quarantine")) == 1, "no quarantine")


def test_clam_hundred(program):
    with World(program, timeout="60s") as w:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(w.send(CLEAN)))
                   for _ in range(100)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect(answers.count((250, "")) == 100, str(set(answers)))
        expect(len(w.server.mails(count=100)) == 100, "lost or doubled")


def test_clam_scanner_down(program):
    with World(program, socket_path="/nonexistent/clamd.ctl") as w:
        w.refused(CLEAN)
        w.lives()


def test_clam_scanner_slow(program):
    with World(program, timeout="8s") as w:
        stopped = w.clamd.process
        stopped.send_signal(signal.SIGSTOP)
        later = threading.Timer(1, stopped.send_signal, [signal.SIGCONT])
        later.start()
        expect(w.send(CLEAN) == (250, ""), "slow is not too slow")
        w.server.mails(count=1)
        stopped.send_signal(signal.SIGSTOP)
        code, said = w.send(CLEAN)
        expect(code == 451 and said.startswith("4.3.0"), f"{code} {said}")
        stopped.send_signal(signal.SIGCONT)
        time.sleep(1)
        expect(len(w.server.mails()) == 1 and w.kept() == 0, "what came too late was taken")
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")


def test_clam_no_receiver(program):
    with World(program, receiver=free_port()) as w:
        w.refused(CLEAN)
        w.lives()


def test_clam_large(program):
    body = b"".join(b".%06d some text of a long mail\r\n" % i for i in range(100000))
    with World(program, timeout="60s") as w:
        expect(w.send(b"Subject: large\r\n\r\n" + body) == (250, ""), "not accepted")
        mail = w.server.mails(count=1)[0].replace(b"\r\n", b"\n")
        expect(mail.partition(b"\n\n")[2] == body.replace(b"\r\n", b"\n"), "not octet for octet")


def test_clam_killed(program):
    """kill -9 with mails at the filter: what was answered 250 is there, nothing is there twice"""
    answered = []

    def client(world, n):
        try:
            if world.send(f"Subject: number {n}\n\nx\n")[0] == 250:
                answered.append(n)
        except (smtplib.SMTPException, OSError):
            pass
    with World(program) as w:
        threads = [threading.Thread(target=client, args=(w, n)) for n in range(40)]
        for t in threads:
            t.start()
        until("some answers", lambda: len(answered) > 5, pause=0.001)
        w.server.process.kill()
        for t in threads:
            t.join()
        w.server.process.wait()
        w.server.start()
        mails = w.server.mails(count=len(answered))
        until("an empty queue", lambda: w.kept() == 0)
        got = [int(re.search(rb"^Subject: number (\d+)", m, re.M)[1]) for m in w.server.mails()]
        expect(len(got) == len(set(got)), f"twice: {sorted(got)}")
        expect(set(answered) <= set(got), f"lost: {set(answered) - set(got)} of {len(mails)}")


def test_clam_drop_and_bounce(program):
    for action in ("drop", "bounce"):
        with World(program, action=action) as w:
            w.refused(f"Subject: v\n\n{EICAR}\n")
            expect(w.send(CLEAN) == (250, ""), "clean mail not accepted")


def test_clam_odd_mails(program):
    with World(program, timeout="3s") as w:
        for text in (b"", b"\r\n", b"just text\r\n"):
            code, said = w.send(text)
            expect(code == 250, f"{text!r}: {code} {said}")
        for n in (4221, 4222):
            for text in (b"X-L: " + b"a" * (n - 5) + b"\r\n\r\nbody\r\n",
                         b"Subject: b\r\n\r\n" + b"b" * n + b"\r\nmore\r\n",
                         b"Subject: l\r\n\r\n" + b"l" * n + b"\r\n"):
                code, said = w.send(text)
                expect(code in (250, 451), f"{n}: {code} {said}")
                w.lives()
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")


def test_clam_lost_dots(program):
    """behind lines of certain lengths clamsmtpd takes a dot, or leaves one: the mail is as it was"""
    for n in (4221, 4222, 8443, 8445):
        body = (b"text\r\n" + b"b" * n + b"\r\n.one\r\n" + b"b" * n + b"\r\n..two\r\n" +
                b"b" * n + b"\r\nnone\r\n" + PART)
        for stage in ("preq", "postq"):
            with World(program, stage=stage) as w:
                expect(w.send(b"Subject: b\r\n\r\n" + body) == (250, ""), f"{n}: not accepted")
                expect(body_of(w.server.mails(count=1)[0]) == body, f"{stage} {n}: another body")


def test_clam_lost_end(program):
    """a lone dot there ends the mail early, and what follows is taken for commands"""
    body = (b"b" * 4221 + b"\r\n.\r\nMAIL FROM:<x@evil.example>\r\nRCPT TO:<" + TO.encode() +
            b">\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n")
    with World(program, timeout="5s") as w:
        w.refused(b"Subject: b\r\n\r\n" + body)
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")


def test_clam_odd_headers(program):
    """lines that hide the mark of clamsmtpd, which so proves nothing: refused, and nothing is kept"""
    with World(program, timeout="5s") as w:
        for n in (4221, 4222, 8443, 8445):
            for text in (b"X-L: " + b"a" * (n - 5) + b"\r\n\r\n" + EICAR.encode() + b"\r\n",
                         b"X-L: " + b"a" * (n - 5) + b"\r\nSubject: x\r\n\r\n" + EICAR.encode()):
                code, said = w.send(text)
                expect(code == 451 or (code == 250 and not w.server.mails()), f"{n}: {code} {said}")
                expect(w.server.sql("SELECT count(*) FROM queue") == [(0,)], "kept")
                w.lives()
        held = len(w.server.sql("SELECT 1 FROM quarantine"))
        code, said = w.send(b"X-N: a\0b\r\n\r\n" + EICAR.encode() + b"\r\n")
        expect(code == 550, f"NUL: {code} {said}")
        code, said = w.send(b"Subject: x\r\nX-F: a\r\n \r\n\tb\r\n\r\n" + EICAR.encode() + b"\r\n")
        expect(code == 250, f"folded: {code} {said}")
        expect(len(w.server.sql("SELECT 1 FROM quarantine")) == held + 1, "not found")
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")
        expect(len(w.server.mails(count=1)) == 1, "a virus was delivered")


def test_clam_no_mark(program):
    """Header: empty in clamsmtpd.conf: a clean mail does not show that it was looked at"""
    with World(program, header="") as w:
        w.refused(CLEAN)
        expect(w.send(f"Subject: v\n\n{EICAR}\n") == (250, ""), "a virus is marked all the same")


def test_clam_scanner_odd(program):
    """a scanner that hangs up, talks nonsense, or says ERROR"""
    for answer in (b"", b"what?\n", b"/tmp/x: File path check failure: Permission denied. ERROR\n"):
        folder = tempfile.mkdtemp(prefix="odd-clamd-")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(folder + "/ctl")
        listener.listen()

        def serve():
            try:
                while True:
                    c, _ = listener.accept()
                    c.recv(1000)
                    c.sendall(answer)
                    c.close()
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()
        with World(program, socket_path=folder + "/ctl") as w:
            w.refused(CLEAN)
            w.lives()
        stop_listening(listener)
        shutil.rmtree(folder)


def test_clam_gives_up_first(program):
    """clamsmtpd's time is over before ours: 451 from it"""
    with World(program, clamsmtpd_timeout=2) as w:
        w.clamd.process.send_signal(signal.SIGSTOP)
        w.refused(CLEAN)
        w.clamd.process.send_signal(signal.SIGCONT)
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")


def test_clam_receiver_full(program):
    """no room for what comes back: 421 there, 451 here, and the next one is taken"""
    with World(program) as w:
        idle = [socket.create_connection(("127.0.0.1", w.ports[1])) for _ in range(60)]
        for s in idle:
            s.recv(100)
        w.refused(CLEAN)
        for s in idle:
            s.close()
        until("room", lambda: w.send(CLEAN) == (250, ""), pause=0.5)


def test_clam_released(program):
    """set aside before it was scanned: scanned when it is released; by command and by SQL"""
    aside = """rcpt: [ rule "aside" || if mail_from() == "bob@elsewhere.example" { quarantine("held") }
            else { next() } ],"""
    for stage in ("preq", "postq"):
        with World(program, before=aside, stage=stage) as w:
            for text in (CLEAN, f"Subject: v\n\n{EICAR}\n", CLEAN, f"Subject: v\n\n{EICAR}\n"):
                expect(w.send(text) == (250, ""), "not accepted")
            ids = [row[0] for row in w.server.sql("SELECT id FROM quarantine ORDER BY id")]
            expect(len(ids) == 4, ids)
            w.server.verb("quarantine", "release", *ids[:2])
            w.server.sql(f"UPDATE quarantine SET queue = 'deliver' WHERE id IN {tuple(ids[2:])}")
            w.server.mails(count=2)
            rows = until("the viruses", lambda: len(w.server.sql(
                "SELECT 1 FROM quarantine WHERE queue = 'virus_q'")) == 2)
            rows = w.server.sql("SELECT id, stage, rule FROM quarantine ORDER BY id")
            expect(rows == [(i, stage, "check email for virus") for i in (ids[1], ids[3])], rows)
            until("an empty queue", lambda: w.server.sql("SELECT count(*) FROM queue") == [(0,)])
            expect(all(b"X-AV-Checked" in m for m in w.server.mails()), "not scanned")
            w.server.sql("UPDATE quarantine SET queue = 'deliver'")
            w.server.mails(count=4)
            until("an empty queue", lambda: w.kept() == 0)
            for i in ids:
                status = [row[0] for row in w.server.sql(
                    f"SELECT status FROM trace WHERE id = '{i}' AND (kind = 'delegate' OR status ="
                    " 'released') ORDER BY rowid")]
                expect(status[:3] == ["released", "delegated", "returned"], status)
                expect(status.count("delegated") == 1, f"scanned twice: {status}")


def test_clam_twice(program):
    """the same service before and after the queue, with its marks declared"""
    again = """postq: [ delegate s::clamsmtpd "look again" || next() ],"""
    marks = '["X-AV-Checked", "X-Virus-Infected"]'
    with World(program, before=again, marks=marks) as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        mail = w.server.mails(count=1)[0]
        expect(mail.count(b"X-AV-Checked") == 1, repr(mail))


def test_clam_gone_after_dot(program):
    """the client leaves after its dot; the scan ends, and nobody wants it"""
    with World(program) as w:
        w.clamd.process.send_signal(signal.SIGSTOP)
        c = w.client()
        c.ehlo()
        for command in (f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA"):
            c.docmd(command)
        c.send(b"Subject: gone\r\n\r\ntext\r\n.\r\n")
        time.sleep(0.5)
        c.close()
        time.sleep(0.5)
        w.clamd.process.send_signal(signal.SIGCONT)
        expect(w.send(CLEAN) == (250, ""), "not accepted afterwards")
        w.server.mails(count=1)
        w.gone()
        expect(len(w.server.mails()) == 1, "it was taken")


def test_clam_sender_goes(program):
    with World(program) as w:
        c = w.client()
        c.ehlo()
        for command in (f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA"):
            c.docmd(command)
        c.send(b"Subject: gone\r\n\r\nhalf a mail\r\n")
        c.close()
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        expect(len(w.server.mails(count=1)) == 1, "more than one")


# ---- after the queue ------------------------------------------------------------------------------

def test_clam_stored(program):
    for stage in ("postq", "delivery"):
        with World(program, stage=stage) as w:
            expect(w.send(CLEAN) == (250, ""), "not accepted")
            mail = w.server.mails(count=1)[0].replace(b"\r\n", b"\n")
            head, _, body = mail.partition(b"\n\n")
            expect(body == b"hello\n.dot\n..\nend\n", repr(body))
            expect(b"X-AV-Checked: ClamAV using ClamSMTP" in head, repr(head))
            expect(head.count(b"Received:") == 1 and FORGED.encode() not in head, repr(head))
            trace = [row[0] for row in w.server.sql(
                "SELECT status FROM trace WHERE kind = 'delegate' ORDER BY rowid")]
            expect(trace == ["delegated", "returned", "next"], trace)
            expect(w.send(f"Subject: v\n\n{EICAR}\n") == (250, ""), "not accepted")
            row = until("a quarantine", lambda: w.server.sql(
                "SELECT queue, stage, rule FROM quarantine"))
            expect(row == [("virus_q", stage, "check email for virus")], row)
            expect(w.server.sql("SELECT count(*) FROM queue") == [(0,)], "still in a queue")


def test_clam_stored_hundred(program):
    with World(program, timeout="60s", stage="postq") as w:
        with w.client() as c:
            for n in range(100):
                expect(w.send(f"Subject: number {n}\n\nx\n", c) == (250, ""), "not accepted")
        w.server.mails(count=100)
        w.gone()
        expect(numbers(w) == list(range(100)), numbers(w))


def test_clam_stored_down(program):
    """no scanner: it waits, longer each time; then there is one"""
    with World(program, socket_path="/tmp/no-such/clamd.ctl", stage="postq") as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        expect(w.waits("4.3.0", "451") == 1, "attempts")
        w.flush()
        until("a second try", lambda: w.server.log("server.log").count("delegation failed") == 2)
        w.waits("4.3.0", "451")
        w.filter.stop()
        w.parts.remove(w.filter)
        w.parts.append(Clamsmtpd(w.clamd, *w.ports))
        w.flush()
        w.server.mails(count=1)
        w.gone()


def test_clam_stored_killed(program):
    """kill -9 with mails at the filter, again and again"""
    with World(program, stage="postq") as w:
        answered = []
        for _ in range(4):
            with w.client() as c:
                for _ in range(25):
                    n = len(answered)
                    expect(w.send(f"Subject: number {n}\n\nx\n", c) == (250, ""), "not accepted")
                    answered.append(n)
            w.server.process.kill()
            w.server.process.wait()
            w.server.start()
        w.server.mails(count=len(answered))
        w.gone()
        expect(numbers(w) == answered, numbers(w))


# ---- with Postfix's smtp-sink, which gives nothing back ------------------------------------------

def test_sink_habits(program):
    """as a peer of the client: each way it behaves is heard, and said in the log"""
    top, env = unpacked("postfix")
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    for option, said in (([], "gave nothing back"), (["-e"], "gave nothing back"),
                         (["-p", "-8"], "gave nothing back"), (["-f", "rcpt"], "500 5.3.0"),
                         (["-r", "mail"], "450 4.3.0"), (["-r", "data"], "450 4.3.0"),
                         (["-f", "."], "500 5.3.0"), (["-q", "rcpt"], "closed"),
                         (["-q", "."], "closed")):
        with World(program, none=True) as w:
            with Daemon(lambda: listens(w.ports[0]), top / "usr/sbin/smtp-sink", *user, *option,
                        f"127.0.0.1:{w.ports[0]}", "10", env=env, cwd="/tmp"):
                w.refused(CLEAN)
                logs = w.server.log() + (w.server.dir / "server.log").read_text()
                why = [line for line in logs.splitlines() if "delegation failed" in line]
                expect(said in why[0], f"{option}: {why}")


# ---- with a filter of other habits ---------------------------------------------------------------

def test_filter_none(program):
    with World(program, none=True) as w:
        w.refused(CLEAN)
        w.lives()


def test_filter_unscanned(program):
    with World(program, lambda f, text: f.give_back(text)) as w:
        w.refused(CLEAN)


def test_filter_marks(program):
    marks = '["X-Clean", "X-Bad"]'
    for added, good in ((b"X-Clean: 1", True), (b"X-Other: 1", False),
                        (b"X-Clean: 1\r\nX-Bad: 1", False)):
        with World(program, lambda f, text: f.give_back(marked(text, added)), marks=marks) as w:
            if good:
                forged = "X-clean: forged\nX-BAD: forged\n" + CLEAN
                expect(w.send(forged) == (250, ""), "not accepted")
                mail = w.server.mails(count=1)[0]
                expect(b"forged" not in mail and b"X-Clean: 1" in mail, repr(mail))
            else:
                w.refused(CLEAN)


def test_filter_forged(program):
    with World(program, lambda f, text: f.give_back(marked(text))) as w:
        forged = (f'{FORGED}: sent; stage=preq; directive="check email for virus";\n\tid="'
                  + "0" * 32 + '"\nX-Virus-Infected: no\n' + CLEAN)
        expect(w.send(forged) == (250, ""), "not accepted")
        expect(w.filter.seen[0].count(FORGED.encode()) == 1, "the forged field went out")
        mail = w.server.mails(count=1)[0]
        expect(b"X-Virus-Infected" not in mail and FORGED.encode() not in mail, repr(mail))
        lines = w.filter.seen[0].split(b"\r\n")
        expect(lines[0].startswith(FORGED.encode()) and lines[3].startswith(b"Received:"), lines)


def test_filter_amavis(program):
    def act(f, text):
        return f.give_back(b"X-Virus-Scanned: amavis\r\nReceived: from a\r\n" +
                           text.replace(b"Subject: hi", b"Subject: ***hi"), reuse=True)
    with World(program, act) as w:
        for _ in range(3):
            expect(w.send(CLEAN) == (250, ""), "not accepted")
        mails = w.server.mails(count=3)
        expect(all(b"***hi" in m and m.count(b"Received:") == 2 for m in mails), repr(mails[0]))


def test_filter_other_body(program):
    def act(f, text):
        return f.give_back(marked(text) + b"-- \r\nscanned\r\n")
    with World(program, act) as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        expect(w.server.mails(count=1)[0].rstrip().endswith(b"scanned"), "the old body")


def test_filter_token_twice(program):
    answers = []

    def act(f, text):
        answers.append(f.give_back(marked(text)))
        answers.append(f.give_back(marked(text)))
        return answers[0]
    with World(program, act) as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        until("the second try", lambda: len(answers) == 2)
        expect(answers[0].startswith("250") and answers[1].startswith("554"), answers)
        expect(w.filter.give_back(b"Subject: x\r\n\r\nno token\r\n").startswith("554"), "taken")
        expect(len(w.server.mails(count=1)) == 1, "twice")


def test_filter_loop(program):
    answers = []

    def act(f, text):
        f.receiver = world.server.port
        c = smtplib.SMTP("127.0.0.1", world.server.port, "localhost", 20)
        try:
            c.sendmail(FROM, [TO], marked(text))
            answers.append(250)
        except smtplib.SMTPDataError as refused:
            answers.append(refused.smtp_code)
        return f"{answers[0]} back"
    with World(program, act) as world:
        world.refused(CLEAN)
        expect(answers == [554], answers)


def test_filter_keeps_silent(program):
    def act(f, text):
        time.sleep(4)
        return f.give_back(marked(text))
    with World(program, act, timeout="1s") as w:
        w.refused(CLEAN)
        time.sleep(4)
        expect(w.kept() == 0 and not w.server.mails(), "a late result was taken")


def test_filter_says_250(program):
    with World(program, lambda f, text: "250 fine") as w:
        w.refused(CLEAN)


def test_filter_refuses_after(program):
    def act(f, text):
        f.give_back(marked(text))
        return "451 too late"
    with World(program, act) as w:
        expect(w.send(CLEAN) == (250, ""), "the verdict stands")
        w.server.mails(count=1)


def test_client_goes(program):
    """after its dot, before the verdict: nothing is kept, the result is refused"""
    answers = []

    def act(f, text):
        time.sleep(1)
        answers.append(f.give_back(marked(text)))
        return answers[0]
    with World(program, act) as w:
        c = w.client()
        c.ehlo()
        for command in (f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA"):
            c.docmd(command)
        c.send(b"Subject: gone\r\n\r\ntext\r\n.\r\n")
        until("the filter", lambda: w.filter.seen)
        c.close()
        until("the filter", lambda: answers)
        expect(answers[0].startswith("554"), answers)
        expect(w.kept() == 0 and not w.server.mails(), "something was kept")


LINES = b"".join(b".%06d some text of a long mail\r\n" % i for i in range(30000))
PART = LINES[:LINES.index(b".006000")]


def body_of(mail):
    return mail.replace(b"\r\n", b"\n").partition(b"\n\n")[2].replace(b"\n", b"\r\n")


def test_filter_changes_large(program):
    """a body of a megabyte that comes back changed: at its start, in its midst, at its end"""
    cut = LINES.index(b".020000")
    changes = {"longer": LINES + b"-- \r\nscanned\r\n", "shorter": LINES[:cut],
               "first": b"#" + LINES[1:], "midst": LINES[:cut] + b"new\r\n" + LINES[cut:],
               "empty": b"", "same": LINES}
    for stage in ("preq", "postq"):
        def act(f, text):
            name = re.search(rb"^Subject: (\w+)", text, re.M)[1].decode()
            return f.give_back(marked(text.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + changes[name]))
        with World(program, act, stage=stage) as w:
            for n, name in enumerate(changes):
                text = f"Subject: {name}\r\n\r\n".encode() + LINES
                expect(w.send(text) == (250, ""), "not accepted")
                w.server.mails(count=n + 1)
            for mail in w.server.mails():
                name = re.search(rb"^Subject: (\w+)", mail, re.M)[1].decode()
                expect(body_of(mail) == changes[name], f"{stage} {name}: {len(body_of(mail))}")
            w.gone()


def test_stored_changed_killed(program):
    """killed at each point of the store while changed bodies are judged"""
    def act(f, text):
        f.count = getattr(f, "count", 0) + 1
        return f.give_back(marked(text) + b"-- \r\nscanned\r\n")
    for point in ("begun", "change", "replace", "commit", "committed", "record", "spill"):
        for nth in (1, 2, 3, 4):
            with World(program, act, stage="postq") as w:
                text = b"Subject: large\r\n\r\n" + PART
                w.server.stop()
                w.server.env["VSMTP_DIE_AT"] = f"{point}:{nth}"
                try:
                    w.server.start()
                    code = w.send(text)[0]
                except (smtplib.SMTPException, OSError, AssertionError):
                    code = 0
                until("its end, or the mail", lambda: w.server.process.poll() is not None
                      or (code == 250 and w.server.mails()))
                w.server.env.pop("VSMTP_DIE_AT")

                def settled():
                    if w.server.process.poll() is not None:
                        w.server.start()
                    return w.kept() == 0
                until(f"an empty queue, {point} {nth}", settled)
                mails = w.server.mails(count=1) if code == 250 else w.server.mails()
                expect(len(mails) <= 1, f"{point} {nth}: {len(mails)}")
                for mail in mails:
                    expect(body_of(mail).startswith(PART), f"{point} {nth}: damaged")
                    expect(body_of(mail).endswith(b"scanned\r\n"), f"{point} {nth}: the old body")
                    expect(body_of(mail).count(b"scanned") == 1, f"{point} {nth}: filtered twice")


def test_stored_nothing_there(program):
    with World(program, none=True, stage="postq", server="[server.queues.delivery]\n"
               "deferred_retry_max = 3\ndeferred_retry_period = '1s'\n") as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        w.waits("4.3.0", "refused")
        dead = until("its end", lambda: w.server.sql(
            "SELECT r.last_reply, r.status FROM queue AS q JOIN recipient AS r ON r.id = q.id"
            " WHERE queue = 'dead'"))
        expect("given up: 4.3.0" in dead[0][0] and dead[0][1] == "failed", dead)
        report = w.server.sql("SELECT count(*) FROM recipient WHERE address = 'bob@elsewhere.example'")
        expect(report == [(1,)], "the sender is not told")
        w.lives()


def test_stored_kept_for_ever(program):
    """taken with 250, never given back"""
    with World(program, lambda f, text: "250 mine", timeout="1s", stage="postq") as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        w.waits("4.3.0", "gave nothing back")


def test_stored_taken_first(program):
    """a filter that answers first and scans then"""
    answers = []

    def act(f, text):
        later = threading.Timer(0.5, lambda: answers.append(f.give_back(marked(text))))
        later.start()
        return "250 later"
    with World(program, act, stage="postq") as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        w.server.mails(count=1)
        until("its answer", lambda: answers)
        expect(answers == ["250 ok"], answers)


def test_stored_stopped(program):
    """the server stops while mails are at the filter: the next one hands them over again"""
    def act(f, text):
        gate.wait(20)
        return f.give_back(marked(text))
    gate = threading.Event()
    with World(program, act, stage="postq") as w:
        for n in range(3):
            expect(w.send(f"Subject: number {n}\n\nx\n") == (250, ""), "not accepted")
        until("the filter", lambda: len(w.filter.seen) == 3)
        expect(w.server.sql("SELECT DISTINCT queue FROM queue") == [("delegated",)], "queue")
        w.server.stop()
        expect(w.server.sql("SELECT DISTINCT queue FROM queue") == [("delegated",)], "queue")
        w.server.start()
        gate.set()
        w.server.mails(count=3)
        w.gone()
        expect(numbers(w) == [0, 1, 2], numbers(w))


def test_stored_amavis(program):
    def act(f, text):
        return f.give_back(b"X-Virus-Scanned: amavis\r\nReceived: from a\r\n" +
                           text.replace(b"Subject: hi", b"Subject: ***hi"), reuse=True)
    with World(program, act, stage="postq") as w:
        for _ in range(3):
            expect(w.send(CLEAN) == (250, ""), "not accepted")
        mails = w.server.mails(count=3)
        expect(all(b"***hi" in m and m.count(b"Received:") == 2 for m in mails), repr(mails[0]))


def test_client_half_closes(program):
    """it says that it sends no more: gone, for it cannot be told from one that is; nothing is kept"""
    answers = []

    def act(f, text):
        time.sleep(0.5)
        answers.append(f.give_back(marked(text)))
        return answers[0]
    with World(program, act) as w:
        c = w.client()
        c.ehlo()
        for command in (f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA"):
            c.docmd(command)
        c.send(b"Subject: gone\r\n\r\ntext\r\n.\r\n")
        until("the filter", lambda: w.filter.seen)
        c.sock.shutdown(socket.SHUT_WR)
        until("the filter", lambda: answers)
        expect(answers[0].startswith("554"), answers)
        expect(c.sock.recv(100) == b"", "an answer to nobody")
        expect(w.kept() == 0 and not w.server.mails(), "something was kept")
        c.close()


def test_client_goes_in_upload(program):
    """while its mail is on the way to a filter that is slow to take it, or on its way back"""
    for slow in ("to", "back"):
        gate = threading.Event()

        def act(f, text):
            if slow == "back":
                link = smtplib.SMTP("127.0.0.1", f.receiver, "localhost", 20)
                link.ehlo()
                link.mail("x@y.example")
                link.rcpt("x@y.example")
                link.putcmd("DATA")
                link.getreply()
                link.send(marked(text)[:200000])
                gate.wait(20)
                try:
                    link.send(marked(text)[200000:] + b".\r\n")
                    f.answer = link.getreply()[0]
                except (OSError, smtplib.SMTPException):
                    f.answer = 0
                return f"{f.answer} back"
            return "250 ok"
        with World(program, act) as w:
            if slow == "to":
                w.filter.serve = lambda connection: gate.wait(20)
            c = w.client()
            c.ehlo()
            for command in (f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA"):
                c.docmd(command)
            c.send(b"Subject: gone\r\n\r\n" + LINES.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            if slow == "back":
                until("the filter", lambda: w.filter.seen)
            time.sleep(0.5)
            c.close()
            time.sleep(0.5)
            gate.set()
            if slow == "back":
                until("its answer", lambda: hasattr(w.filter, "answer"))
                expect(w.filter.answer == 554, w.filter.answer)
            expect(w.kept() == 0 and not w.server.mails(), "something was kept")
            expect(w.server.sql("SELECT count(*) FROM body") == [(0,)] or until(
                "an empty file", lambda: w.server.sql("SELECT count(*) FROM body") == [(0,)]), "body")
            w.lives()


def test_filter_chaos(program):
    """many clients, some of whom leave; a filter that does all it can do wrong; both stages at once"""
    dice = random.Random(4)
    calm = threading.Event()
    answered, lock = [], threading.Lock()

    def broken_off(f, text):
        link = smtplib.SMTP("127.0.0.1", f.receiver, "localhost", 20)
        link.ehlo()
        link.mail("x@y.example")
        link.rcpt("x@y.example")
        link.putcmd("DATA")
        link.getreply()
        link.send(re.sub(rb"(?m)^\.", b"..", marked(text))[:-dice.randrange(1, 200)])
        time.sleep(dice.random() / 5)
        link.close()
        return "451 broken off"

    habits = [
        lambda f, text: f.give_back(marked(text)),
        lambda f, text: f.give_back(marked(text) + b"scanned\r\n"),
        lambda f, text: f.give_back(marked(text.replace(b"long mail", b"LONG mail", 1))),
        lambda f, text: (f.give_back(marked(text)), f.give_back(marked(text)))[0],
        lambda f, text: f.give_back(text),
        lambda f, text: f.give_back(marked(text.replace(b'id="', b'id="0', 1))),
        lambda f, text: "250 mine",
        lambda f, text: "550 no",
        lambda f, text: (time.sleep(dice.random() * 2), f.give_back(marked(text)))[1],
        broken_off,
    ]

    def act(f, text):
        habit = habits[0] if calm.is_set() else dice.choice(habits)
        try:
            return habit(f, text)
        except (smtplib.SMTPException, OSError):
            return "451 trouble"

    def client(w, n):
        lines = dice.choice((1, 10, 500, 4000, 12000))
        text = f"Subject: number {n}\r\n\r\n".encode() + b"".join(
            b".%06d some text of a long mail\r\n" % i for i in range(lines))
        try:
            c = w.client()
            if dice.random() < 0.2:
                c.timeout = 0.1
                c.sock.settimeout(dice.random() / 4)
            if w.send(text, c)[0] == 250:
                with lock:
                    answered.append(n)
            c.close()
        except (smtplib.SMTPException, OSError):
            pass

    both = """postq: [ delegate s::clamsmtpd "look again" || next() ],"""
    with World(program, act, before=both, timeout="1s") as w:
        for batch in range(5):
            threads = [threading.Thread(target=client, args=(w, batch * 30 + n)) for n in range(30)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            w.flush()
        calm.set()

        def empty():
            w.flush()
            return w.kept() == 0
        until("an empty queue", empty, pause=0.5)
        got = numbers(w)
        expect(len(answered) > 10, f"only {len(answered)} were accepted")
        expect(len(got) == len(set(got)), f"twice: {got}")
        expect(set(answered) <= set(got), f"lost: {set(answered) - set(got)}")
        until("an empty file", lambda: w.server.sql("SELECT count(*) FROM body") == [(0,)])
        w.lives()


def test_receiver_wildcard(program):
    """the receiver may be all addresses of a port"""
    for stage in ("preq", "postq"):
        with World(program, lambda f, text: f.give_back(marked(text)), any="0.0.0.0",
                   stage=stage) as w:
            expect(w.send(CLEAN) == (250, ""), "not accepted")
            w.server.mails(count=1)


def test_receiver_strangers(program):
    with World(program, lambda f, text: f.give_back(marked(text))) as w:
        s = socket.create_connection(("127.0.0.1", w.ports[1]), source_address=("127.0.0.9", 0))
        expect(s.recv(100).startswith(b"554 5.7.1"), "a stranger on the receiver")
        s.close()


def test_receiver_killed(program):
    def act(f, text):
        answer = f.give_back(marked(text))
        world.server.process.kill()
        return answer
    with World(program, act) as world:
        try:
            code, _ = world.send(CLEAN)
        except (smtplib.SMTPException, OSError):
            code = 0
        world.server.process.wait()
        world.server.start()
        if code == 250:
            world.server.mails(count=1)
        expect(len(world.server.mails()) <= 1, "doubled")


if __name__ == "__main__":
    kit.main("delegate", [*kit.tests_of(globals()), *kit.tests_of(vars(stopping))], lambda test: test(kit.PROGRAM))
