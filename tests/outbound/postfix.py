"""tests/outbound/postfix.py: what a real Postfix makes of our mail, and sends back."""

import base64
import contextlib
import hashlib
import hmac
import json
import smtplib
import socketserver
import threading
import time

from kit import needs_root, unpacked
from others import Dovecot, Postfix
from world import FROM, ONE, World, expect, free_port, trusting, until


@contextlib.contextmanager
def postfix(w, main="", master=""):
    """Serves x.example of that world; main and master: what its two files say besides."""
    needs_root("Postfix's master must be started by root")
    top, env = unpacked("postfix")
    there = Postfix(top, env, w.port, main, master)
    try:
        yield there
    finally:
        there.stop()


def sends_us(w, *domains):
    """The lines of both files by which its mail for these comes to us."""
    ours = ", ".join(f"{d}=smtp:[127.0.0.1]:{w.server.port}" for d in domains)
    return {"main": f"transport_maps = inline:{{ {ours} }}\n",
            "master": "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"}


class Greylist(socketserver.ThreadingTCPServer):
    """A policy server as postgrey is one: whom it does not know it sends away once."""

    daemon_threads = allow_reuse_address = True

    def __init__(self):
        self.known, self.asked = set(), 0
        super().__init__(("127.0.0.1", 0), Greylist.Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            asked = {}
            for line in self.rfile:
                if line.strip():
                    key, value = line.decode().strip().split("=", 1)
                    asked[key] = value
                    continue
                server, triple = self.server, (asked["client_address"], asked["sender"], asked["recipient"])
                server.asked += 1
                known = triple in server.known
                server.known.add(triple)
                self.wfile.write(b"action=DUNNO\n\n" if known else b"action=450 4.2.0 Greylisted, come back\n\n")
                asked = {}


def test_postfix_greylists():
    with Greylist() as policy, World(ONE) as w, postfix(
            w, "smtpd_recipient_restrictions = check_policy_service "
            f"inet:127.0.0.1:{policy.server_address[1]}, permit\n"):
        w.send("joe@x.example", "ann@x.example")
        for address in ("joe@x.example", "ann@x.example"):
            expect(w.reply(address, "pending").endswith("Greylisted, come back"), w.recipients())
        w.empty()
        expect(policy.asked == 4, policy.asked)
        policy.shutdown()


def test_postfix_reports_back():
    """what the sender wished goes there, and what Postfix says of it comes back (RFC 3461)"""
    with World(ONE) as w:
        more = sends_us(w, "home.example")
        with postfix(w, more["main"] + "local_recipient_maps =\n", more["master"]):
            with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30) as c:
                c.ehlo()
                c.mail(FROM, ["ENVID=QQ+2B314", "RET=HDRS"])
                c.rcpt("mail@x.example", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;jo+2Be@far.example"])
                c.rcpt("nobody@x.example", ["NOTIFY=NEVER"])
                c.data(b"Subject: x\r\n\r\nhello\r\n")
            (report,) = w.server.mails("bob", 1)
            w.empty()
            for words in (b"Return-Path: <>", b"Original-Envelope-Id: QQ+314",
                          b"Original-Recipient: rfc822;jo+e@far.example", b"Action: delivered", b"\nSubject: x\n"):
                expect(words in report, report.decode())
            expect(b"nobody@" not in report and b"hello" not in report, report.decode())


def test_postfix_offers_little():
    """what it cannot take as it is, is not sent to it: its sender is told"""
    with World(ONE) as w, postfix(w, "message_size_limit = 20000\nsmtpd_discard_ehlo_keywords = 8bitmime, smtputf8\n"):
        w.send("joe@x.example", text="Subject: eight\r\n\r\nh\u00e4llo\r\n".encode(), options=["BODY=8BITMIME"])
        w.send("ann@x.example", text="Subject: big\r\n\r\n" + "a line\r\n" * 5000)
        with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30) as c:
            c.sendmail(FROM, ["j\u00f6rg@x.example"], b"Subject: name\r\n\r\nx\r\n", ["SMTPUTF8"])
        for who, code in (("joe", "5.6.3"), ("ann", "5.3.4"), ("j\u00f6rg", "5.6.7")):
            expect(w.reply(f"{who}@x.example", "failed").startswith(code), w.recipients())
        reports = b"".join(w.server.mails("bob", 3))
        for code in (b"5.6.3", b"5.3.4", b"5.6.7"):
            expect(b"\nStatus: " + code in reports, reports.decode())
        w.send("joe@x.example")
        until("what it can take", lambda: w.log().count("status=delivered") == 4)  # and three reports


def test_postfix_and_we_in_a_circle():
    """each thinks that the other one knows better: we end it, and its sender is told once"""
    with World(dict(ONE, **{"loop.example": [("MX", "10 x.example.")]})) as w:
        more = sends_us(w, "loop.example", "home.example")
        with postfix(w, more["main"] + "relay_domains = loop.example\nhopcount_limit = 100\n", more["master"]):
            w.send("joe@loop.example")
            (report,) = w.server.mails("bob", 1)
            expect(b"joe@loop.example" in report and b"5.4.6" in report, report.decode())
            until("nothing under way", lambda: not w.server.sql("SELECT 1 FROM recipient WHERE status = 'pending'"))
            time.sleep(1)
            expect(len(w.server.mails("bob")) == 1, "told twice")


def token(secret, user, seconds=3600):
    """What an issuer of tokens hands out: a JSON Web Token, RFC 7519."""
    def part(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")
    now = int(time.time())
    body = b".".join(part(json.dumps(x).encode()) for x in (
        {"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now, "nbf": now - 60, "exp": now + seconds}))
    return (body + b"." + part(hmac.new(secret, body, hashlib.sha256).digest())).decode()


AUTH = """\
auth_mechanisms = plain login scram-sha-256 xoauth2
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {dir}/run/auth-postfix {{
    mode = 0666
  }}
}}
"""
AUTH = {"2.3": AUTH + """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {dir}/oauth2
}}
""", "2.4": AUTH + """\
oauth2 {{
  introspection_mode = local
  username_attribute = sub
  oauth2_local_validation {{
    dict fs {{
      fs posix {{
        prefix = {dir}/keys/
      }}
    }}
  }}
}}
"""}


def issued_by(secret, d):
    """The tokens that this Dovecot takes."""
    keys = d.folder / "keys/default/HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(secret).decode())
    (d.folder / "oauth2").write_text(
        "introspection_mode = local\nusername_attribute = sub\n"
        f"local_validation_key_dict = fs:posix:prefix={d.folder}/keys/\n")


def asking(d):
    """The lines of Postfix's file by which a login is Dovecot's business."""
    return ("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
            f"smtpd_sasl_path = {d.folder}/run/auth-postfix\nsmtpd_tls_auth_only = yes\n"
            "smtpd_recipient_restrictions = permit_sasl_authenticated, reject\n"
            "local_recipient_maps =\n")


def test_postfix_wants_a_login():
    """its smtpd asks Dovecot who we are: each mechanism, a wrong password, a wrong token"""
    secret, port = b"0123456789abcdef0123456789abcdef", free_port()
    with Dovecot(AUTH) as d:
        issued_by(secret, d)
        for name, text in (("token", token(secret, "joe")), ("forged", token(b"x" * 32, "joe"))):
            (d.folder / name).write_text(text + "\n")
        d.start()
        how = {"plain": ":x", "login": ":x", "scram": ":x", "wrong": ":y", "token": "", "forged": ""}
        auth = {"plain": "auth=plain", "login": "auth=login", "scram": "auth=scram-sha-256", "wrong": "auth=plain",
                "token": f"token_file={d.folder}/token", "forged": f"token_file={d.folder}/forged"}
        targets = ", ".join(f'"{by}" => "smtp://joe{how[by]}@x.example:{port}?tls=verified&{auth[by]}"' for by in how)
        with World(ONE, f"forward(rcpt(), switch rcpt().local_part {{ {targets} }})", port=port, env=trusting(),
                   period="1h") as w, postfix(w, asking(d)) as there:
            for by in how:
                w.send(f"{by}@x.example")
            for by in ("wrong", "forged"):
                expect(w.reply(f"{by}@x.example", "pending").startswith("535 5.7.8"), w.recipients())
            until("the others", lambda: len(w.recipients()) == 2)
            for method in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "XOAUTH2"):
                expect(f"sasl_method={method}, sasl_username=joe" in there.log(), there.log())
