#!/usr/bin/env python3
"""Real clients against the real server: clients.py PROGRAM [PART].

Each test is a function named after its client: mail goes in by that client and is looked for in
the mailbox, relaying is tried and must be refused, in the client's own words.
"""

import email
import email.policy
import smtplib
import socket

from server import Server  # first: it says where kit.py is
import kit
from kit import PROGRAM, TOP, expect, run, unpacked, until

HOME = TOP / "rules" / "examples" / "home"
RULES = {name: (HOME / name).read_text() for name in ("main.vsl", "objects.vsl")}
OUTSIDE = "someone@elsewhere.example"
ALICE = "alice@home.example"


def one_mail(server, subject):
    """The only mail alice has, which must have this subject."""
    mails = server.mails(count=1)
    expect(len(mails) == 1, f"{len(mails)} mails")
    message = email.message_from_bytes(mails[0], policy=email.policy.default)
    expect(message["Subject"] == subject, f"Subject is {message['Subject']}")
    expect(message["Return-Path"] == "<bob@elsewhere.example>", message["Return-Path"])
    expect("home.example" in message["Received"], "no Received of ours")
    return message


def nothing_kept(server):
    until("an empty queue", lambda: not server.sql("SELECT 1 FROM queue"))


# ---- the clients ---------------------------------------------------------------------------------

def test_swaks(server):
    to = ["swaks", "--server", f"127.0.0.1:{server.port}", "--from", "bob@elsewhere.example"]
    status, said = run(*to, "--to", ALICE, "--header", "Subject: by swaks", "--body", ".\n..\nend")
    expect(status == 0, said)
    text = one_mail(server, "by swaks").get_content()
    expect(text.splitlines()[:3] == [".", "..", "end"], repr(text))
    status, said = run(*to, "--to", OUTSIDE)
    expect(status == 24 and "554 5.7.1" in said, said)
    status, said = run(*to, "--to", "nobody.here@home.example")
    expect(status == 24 and "550 5.1.1" in said, said)


def test_swaks_pipelining(server):
    status, said = run(
        "swaks", "--pipeline", "--server", f"127.0.0.1:{server.port}", "--to", ALICE + "," + OUTSIDE,
        "--from", "bob@elsewhere.example", "--header", "Subject: in one go")
    expect("PIPELINING" in said and "554 5.7.1" in said, said)
    one_mail(server, "in one go")


def test_curl(server):
    to = ["curl", "-sS", f"smtp://127.0.0.1:{server.port}/me.example", "-T", "-", "--crlf",
          "--mail-from", "bob@elsewhere.example", "--mail-rcpt"]
    status, said = run(*to, ALICE, stdin="Subject: by curl\n\nhello\n.\nend\n")
    expect(status == 0, said)
    expect(one_mail(server, "by curl").get_content() == "hello\n.\nend\n", "the text differs")
    status, said = run(*to, OUTSIDE, stdin="Subject: relayed\n\nx\n")
    expect(status == 55 and "554" in said, f"{status}: {said}")


def test_msmtp(server):
    to = ["msmtp", "--host=127.0.0.1", f"--port={server.port}", "--auth=off", "--tls=off",
          "--from=bob@elsewhere.example", "--domain=me.example"]
    status, said = run(*to, ALICE, stdin="Subject: by msmtp\n\nhello\n")
    expect(status == 0, said)
    one_mail(server, "by msmtp")
    status, said = run(*to, OUTSIDE, stdin="Subject: relayed\n\nx\n")
    expect(status != 0 and "554 5.7.1" in said, said)


def test_smtp_source(server):
    top, env = unpacked("postfix")
    source = [top / "usr/sbin/smtp-source", "-f", "bob@elsewhere.example", "-l", "5000"]
    at = f"inet:127.0.0.1:{server.port}"
    status, said = run(*source, "-s", 10, "-m", 300, "-t", ALICE, at, env=env)
    expect(status == 0, said)
    expect(len(server.mails(count=300)) == 300, "not every mail, or more, arrived")
    nothing_kept(server)
    status, said = run(*source, "-t", OUTSIDE, at, env=env)
    expect("554 5.7.1" in said, said)


# ---- Python's smtplib, which lets us say anything ------------------------------------------------

def test_smtplib_plain(server):
    with smtplib.SMTP("127.0.0.1", server.port) as c:
        for word in ("pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes"):
            c.ehlo_or_helo_if_needed()
            expect(c.has_extn(word), f"no {word}")
        c.sendmail("bob@elsewhere.example", [ALICE], "Subject: by smtplib\n\nhello\n")
        one_mail(server, "by smtplib")
        try:
            c.sendmail("bob@elsewhere.example", [OUTSIDE], "Subject: relayed\n\nx\n")
            raise AssertionError("relayed")
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = refused.recipients[OUTSIDE]
            expect(code == 554 and text.startswith(b"5.7.1"), f"{code} {text}")
    nothing_kept(server)


def test_smtplib_utf8(server):
    with smtplib.SMTP("127.0.0.1", server.port) as c:
        c.sendmail("bj\u00f6rn@elsewhere.example", [ALICE], "Subject: gr\u00fc\u00dfe\r\n\r\n\u2713\r\n".encode(),
                   mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    (mail,) = server.mails(count=1)
    expect("Subject: gr\u00fc\u00dfe\n\n\u2713\n".encode() in mail, repr(mail))


def test_smtplib_large(server):
    body = b"".join(b"%07d %s\r\n" % (n, b"x" * (n % 900)) for n in range(20000))
    with smtplib.SMTP("127.0.0.1", server.port) as c:
        c.sendmail("bob@elsewhere.example", [ALICE], b"Subject: large\r\n\r\n" + body)
    (mail,) = server.mails(count=1)
    expect(mail.endswith(b"\n\n" + body.replace(b"\r\n", b"\n")), "the body differs")


def test_smtplib_quarantine(server):
    with smtplib.SMTP("127.0.0.1", server.port) as c:
        c.sendmail("bob@elsewhere.example", [ALICE], "Subject: a [hold] please\n\nhello\n")
    rows = server.sql("SELECT queue, mail_from, rcpt_to, rule FROM quarantine")
    expect(rows == [("demo", "bob@elsewhere.example", ALICE, "hold")], f"{rows}")
    expect(not server.mails(), "delivered though held")
    expect("a [hold] please" in server.verb("quarantine", "list"), "not in the list")
    server.sql("UPDATE quarantine SET queue = 'deliver' WHERE mail_from LIKE '%bob%'")
    one_mail(server, "a [hold] please")


def test_smtplib_restart(server):
    with smtplib.SMTP("127.0.0.1", server.port) as c:
        c.sendmail("bob@elsewhere.example", [ALICE], "Subject: [hold] for later\n\nhello\n")
    server.stop()
    server.start()
    expect(len(server.sql("SELECT 1 FROM quarantine WHERE queue = 'demo'")) == 1, "lost")
    with socket.create_connection(("127.0.0.1", server.port)) as c:
        expect(c.recv(100).startswith(b"220 home.example"), "no greeting")


def with_server(test):
    with Server(PROGRAM, RULES) as server:
        test(server)


if __name__ == "__main__":
    kit.main("clients", kit.tests_of(globals()), with_server)
