#!/usr/bin/env python3
"""Logging in: auth.py PROGRAM [PART].

Real clients over every listener (swaks, curl, msmtp, smtplib; SCRAM by msmtp and gsasl, which peers.sh
unpacks, and step by step), what the rules of the hardening chapter make of insiders, outsiders and accounts, and
many at the same time.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import itertools
import os
import pathlib
import re
import smtplib
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests" / "clients"), str(TOP / "tests" / "tls")]
import tls  # noqa: E402
from tls import CERTS, Client, Server, context, expect, kit, run, unpacked, until  # noqa: E402

ALICE, BOB, OUT = "alice@home.example", "bob@home.example", "someone@elsewhere.example"
SECRET = "correct horse, 'battery' & stäple"
RULES = {
    "main.vsl": """import "objects" as obj;
#{
  mail: [ rule "spoof" || check_mail_relay(obj::inside) ],
  rcpt: [ rule "check relay" || check_relay(obj::inside) ],
}""",
    "objects.vsl": 'object inside rg4 = "127.0.1.0/24";',
}
PORTS = {"smtp": 0, "submission": 1, "submissions": 2}
INTERFACES = 'addr_submission = ["127.0.0.1:0"]\naddr_submissions = ["127.0.0.1:0"]'


def server_of(program, rules, mechanism):
    server = Server(program, rules, server=tls.tls_config(virtual=False), interfaces=INTERFACES,
                    mailboxes=())
    config = server.dir / "vsmtp.toml"
    config.write_text(config.read_text() + "\n[server.smtp.auth]\n"
                      f'mechanisms = ["PLAIN", "LOGIN", "SCRAM-SHA-256"{mechanism}]\n')
    tls.install(server, "main")
    return server


def user(server, *words, password=SECRET):
    done = subprocess.run([*server.program, "user", *words, "-c", "vsmtp.toml"], cwd=server.dir,
                          input=(password + "\n").encode(), capture_output=True, timeout=60)
    expect(done.returncode == 0, done.stderr.decode())
    return done.stdout.decode()


def start(server):
    """As an operator does it: accounts first (the folder is there), then the server."""
    (server.dir / "queues").mkdir()
    user(server, "add", "bob")
    user(server, "add", ALICE, password="another")
    server.start()
    expect(len(server.ports) == 3, f"listening on {server.ports}")
    return server


class Running:
    def __init__(self, program, rules=None, mechanism=""):
        self.server = server_of(program, rules or RULES, mechanism)

    def __enter__(self):
        return start(self.server)

    def __exit__(self, *what):
        self.server.__exit__(*what)


def plain(name, password=SECRET):
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def connect(server, port="submissions", encrypt=True, source=None):
    c = Client.__new__(Client)
    c.socket = socket.create_connection(("127.0.0.1", server.ports[PORTS[port]]), timeout=60,
                                        source_address=(source, 0) if source else None)
    c.left = b""
    if port == "submissions":
        c.secure()
    c.hear("220")
    c.say("EHLO me.example", "250")
    if encrypt and port != "submissions":
        c.say("STARTTLS", "220")
        c.secure()
        c.say("EHLO me.example", "250")
    return c


def delivered(server, subject, name="alice"):
    def found():
        return [m for m in server.mails(name) if f"Subject: {subject}\n".encode() in m]
    (text,) = until(f"a mail {subject}", found)
    return text.decode()


def no_secrets(server):
    for file in server.dir.rglob("*"):
        if file.is_file() and "key" not in file.name:
            text = file.read_bytes()
            for form in (SECRET.encode(), base64.b64encode(SECRET.encode())[:40]):
                expect(form not in text, f"the password is in {file}")


# ---- listeners -----------------------------------------------------------------------------------

def test_offered(program):
    with Running(program) as server:
        for port in PORTS:
            c = Client(server.ports[PORTS[port]])
            if port == "submissions":
                c.secure()
            c.hear("220")
            lines = c.say("EHLO me.example", "250")
            there = "250-AUTH PLAIN LOGIN SCRAM-SHA-256" in lines
            expect(there == (port == "submissions"), f"{port}: {lines}")
            if port == "submissions":
                continue
            c.say("AUTH PLAIN " + plain("bob"), "538 5.7.11")
            c.say("STARTTLS", "220")
            c.secure()
            c.say("AUTH PLAIN " + plain("bob"), "503")  # EHLO first, again
            expect("250-AUTH PLAIN LOGIN SCRAM-SHA-256" in c.say("EHLO me.example", "250"))
            c.say("AUTH PLAIN " + plain("bob"), "235 2.7.0")


def test_tls_forgets(program):
    """What was said in clear somebody else may have said: also who it was."""
    with Running(program) as server:
        config = server.dir / "vsmtp.toml"
        config.write_text(config.read_text() + "enable_dangerous_mechanism_in_clair = true\n")
        server.stop()
        server.start()
        with connect(server, "smtp", encrypt=False) as c:
            c.say("AUTH PLAIN " + plain("bob"), "235")
            c.say("STARTTLS", "220")
            c.secure()
            c.say("EHLO me.example", "250")
            c.say("MAIL FROM:<x@elsewhere.example>", "250")
            c.say(f"RCPT TO:<{OUT}>", "554")


def test_matrix(program):
    """The chapter's minimum rules: who may send what, over all listeners."""
    who = {"outsider": ("127.0.0.9", False), "insider": ("127.0.1.7", False),
           "account": ("127.0.0.9", True)}
    mails = {"from us, out": (BOB, OUT), "from us, to us": (BOB, ALICE),
             "from elsewhere, to us": (OUT, ALICE), "from elsewhere, out": (OUT, "x@far.example")}
    want = {
        "outsider": {"from us, out": "554", "from us, to us": "554",
                     "from elsewhere, to us": "250", "from elsewhere, out": "554"},
        "insider": dict.fromkeys(mails, "250"),
        "account": dict.fromkeys(mails, "250"),
    }
    own = {"from us, out": "250", "from us, to us": "250", "from elsewhere, to us": "553",
           "from elsewhere, out": "553"}
    with Running(program) as server:
        for port in PORTS:
            for name, (source, logs_in) in who.items():
                with connect(server, port, source=source) as c:
                    if logs_in:
                        c.say("AUTH PLAIN " + plain("bob"), "235")
                    for kind, (sender, rcpt) in mails.items():
                        c.send(f"MAIL FROM:<{sender}>\r\n")
                        got = c.reply()[-1]
                        if got.startswith("250"):
                            c.send(f"RCPT TO:<{rcpt}>\r\n")
                            got = c.reply()[-1]
                        right = want[name][kind]
                        if port != "smtp":
                            right = own[kind] if logs_in else "530"
                        expect(got.startswith(right), f"{port} {name} {kind}: {got}, not {right}")
                        c.say("RSET", "250")


# ---- clients -------------------------------------------------------------------------------------

def test_by_swaks(program):
    perl = [str(d) for d in unpacked("libnet-ssleay-perl")[0].glob("usr/lib/*/perl5/*")]
    env = {"PERL5LIB": ":".join(perl)}
    with Running(program) as server:
        for port, more in (("smtp", ["-tls"]), ("submission", ["-tls"]),
                           ("submissions", ["-tlsc"])):
            for mechanism in ("PLAIN", "LOGIN"):
                subject = f"swaks {port} {mechanism}"
                to = ["swaks", "--server", f"127.0.0.1:{server.ports[PORTS[port]]}", *more, "--from",
                      BOB, "--to", ALICE, "--header", f"Subject: {subject}", "--auth", mechanism,
                      "--auth-user", "bob", "--auth-password"]
                status, said = run(*to, SECRET, env=env)
                expect(status == 0, said)
                text = delivered(server, subject)
                expect("with ESMTPSA id" in text, text)
        status, said = run(*to, "wrong", env=env)
        expect(status == 28 and "535 5.7.8" in said, said)
        no_secrets(server)


def test_by_curl(program):
    with Running(program) as server:
        for scheme, port in (("smtp", "smtp"), ("smtp", "submission"), ("smtps", "submissions")):
            for option in ("AUTH=PLAIN", "AUTH=LOGIN"):
                number = server.ports[PORTS[port]]
                subject = f"curl {port} {option}"
                status, said = run(
                    "curl", "-sS", "--ssl-reqd", "--cacert", CERTS / "root.crt", "--resolve",
                    f"mail.home.example:{number}:127.0.0.1", f"{scheme}://mail.home.example:{number}",
                    "--user", f"{BOB}:{SECRET}", "--login-options", option, "--mail-from", BOB,
                    "--mail-rcpt", ALICE, "-T", "-", "--crlf", stdin=f"Subject: {subject}\n\nhello\n")
                expect(status == 0, said)
                delivered(server, subject)


def msmtp(server, mechanism, port, password=SECRET):
    """Status and output of sending a mail whose subject says how."""
    settings = server.dir / "msmtprc"
    settings.write_text(
        f"account default\nhost 127.0.0.1\nfrom {BOB}\nauth {mechanism}\n"
        f"user bob\npasswordeval printf %s \"$SECRET\"\nprotocol smtp\ntls on\n"
        f"tls_trust_file {CERTS}/root.crt\ntls_host_override mail.home.example\n"
        f"port {server.ports[PORTS[port]]}\n"
        f"tls_starttls {'on' if port == 'submission' else 'off'}\n")
    settings.chmod(0o600)
    return run("msmtp", "-d", "-C", settings, ALICE, env={"SECRET": password},
               stdin=f"Subject: msmtp {mechanism} {port}\n\nhello\n")


def test_by_msmtp(program):
    with Running(program) as server:
        for mechanism in ("plain", "login"):
            for port in ("submission", "submissions"):
                status, said = msmtp(server, mechanism, port)
                expect(status == 0, said)
                delivered(server, f"msmtp {mechanism} {port}")
        status, said = msmtp(server, "plain", "submissions", "wrong")
        expect(status == 77, f"{status} {said}")


def test_by_msmtp_scram(program):
    """libgsasl 2.2 gives up before its first word when its caller, as msmtp 1.8.28, tells it of the TLS
    channel and the mechanism is not one of -PLUS: it takes the name of the channel beside RFC 5802's flag "y"
    for a contradiction. That is not our business; scram_flags has the "y" that it should have sent."""
    with Running(program) as server:
        for port in ("submission", "submissions"):
            status, said = msmtp(server, "scram-sha-256", port)
            if status == 70 and "GNU SASL: Error authenticating user" in said and "--> AUTH" not in said:
                raise kit.Skip("this libgsasl refuses its own first message of SCRAM over TLS, and sends none")
            expect(status == 0, said)
            delivered(server, f"msmtp scram-sha-256 {port}")
        status, said = msmtp(server, "scram-sha-256", "submissions", "wrong")
        expect(status == 77, f"{status} {said}")


def test_scram_flags(program):
    """RFC 5802 section 6: we offer no -PLUS, so a client that could bind the channel ("y") gets in like one that
    could not ("n"); one that does bind ("p") or says another flag at the end than at the start does not"""
    def mac(key, text):
        return hmac.digest(key, text.encode(), "sha256")

    def login(server, source, first, last):
        """The server's last word to a client that begins with one flag and ends with another."""
        def ask(words):
            c.send(base64.b64encode(words.encode()).decode() + "\r\n")
            got = c.reply()[-1]
            return base64.b64decode(got[4:]).decode() if got.startswith("334") else got
        with connect(server, source=source) as c:
            c.say("AUTH SCRAM-SHA-256", "334")
            given = ask(f"{first},,n=bob,r=fyko+d2lbbFgONRv9qkxdawL")
            if given[:2] != "r=":
                return given
            nonce, salt, rounds = re.fullmatch("r=([^,]*),s=([^,]*),i=([0-9]*)", given).groups()
            salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), base64.b64decode(salt), int(rounds))
            without = f"c={base64.b64encode(f'{last},,'.encode()).decode()},r={nonce}"
            text = f"n=bob,r=fyko+d2lbbFgONRv9qkxdawL,{given},{without}"
            key = mac(salted, "Client Key")
            proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), text)))
            said = ask(f"{without},p={base64.b64encode(proof).decode()}")
            if said[:2] != "v=":
                return said
            expect(base64.b64decode(said[2:]) == mac(mac(salted, "Server Key"), text), "the server's own proof")
            return ask("")
    with Running(program) as server:
        for n, (first, last, want) in enumerate((("n", "n", "235"), ("y", "y", "235"), ("y", "n", "535"), ("n", "y", "535"),
                                                 ("p=tls-unique", "p=tls-unique", "501"))):
            got = login(server, f"127.0.5.{n + 1}", first, last)
            expect(got.startswith(want), f"{first} {last}: {got}")


def test_by_smtplib(program):
    with Running(program) as server:
        class Named(smtplib.SMTP_SSL):
            def _get_socket(self, host, port, timeout):
                s = socket.create_connection((host, port), timeout)
                return self.context.wrap_socket(s, server_hostname="mail.home.example")

        with Named("127.0.0.1", server.ports[2], context=context()) as c:
            try:
                c.login("bob", "wrong")
                raise AssertionError("a wrong password is right")
            except smtplib.SMTPAuthenticationError as error:
                expect(error.smtp_code == 535, error)
        with Named("127.0.0.1", server.ports[2], context=context()) as c:
            c.login(ALICE, "another")  # its login() is for ASCII
            c.sendmail(ALICE, [BOB, OUT], "Subject: smtplib\n\nhello\n")
        delivered(server, "smtplib", "bob")
        rows = server.sql("SELECT auth_user FROM queue WHERE mail_from <> ''")
        expect(rows == [(ALICE,)], rows)


def gsasl(server, mechanism, name, password):
    root, env = unpacked("gsasl")
    return run(f"{root}/usr/bin/gsasl", "--client", "--smtp", "--connect", f"127.0.0.1:{server.ports[1]}",
               "--mechanism", mechanism, "--authentication-id", name, "--password", password, "--no-cb",
               "--x509-ca-file", "", "--starttls", stdin="QUIT\n", env=env)[1]


def test_by_gsasl(program):
    """A second opinion on SCRAM: the library of its inventor."""
    with Running(program) as server:
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            expect("235 2.7.0" in (said := gsasl(server, mechanism, "bob", SECRET)), said)
        for name, password in (("bob", "wrong"), ("nobody", SECRET)):
            expect("535 5.7.8" in (said := gsasl(server, "SCRAM-SHA-256", name, password)), said)


def test_by_rules(program):
    """A rule knows passwords: SCRAM and CRAM-MD5 by packet(), PLAIN as well."""
    rules = {"main.vsl": """#{
      authenticate: [ rule "one" || {
        if auth().authid != "carol" { return next(); }
        if auth().type == "Query" { return packet("open sesame"); }
        if auth().authpass == "open sesame" { accept() } else { deny() }
      } ],
      mail: [ rule "any" || accept() ],
    }"""}
    with Running(program, rules, ', "CRAM-MD5"') as server:
        for mechanism in ("plain", "login", "cram-md5"):
            for password, want in (("open sesame", 0), ("open simsim", 77)):
                status, said = run(
                    "msmtp", "--host=127.0.0.1", f"--port={server.ports[1]}", "--tls=on",
                    "--tls-certcheck=off", f"--auth={mechanism}", "--user=carol",
                    "--passwordeval=printf %s \"$SECRET\"", "--from=carol@club.example", ALICE,
                    env={"SECRET": password}, stdin=f"Subject: {mechanism}\n\nhello\n")
                expect(status == want, f"{mechanism} {password} {status}: {said}")
            delivered(server, mechanism)
        for password, want in (("open sesame", "235 2.7.0"), ("open simsim", "535 5.7.8")):
            expect(want in (said := gsasl(server, "SCRAM-SHA-256", "carol", password)), said)
        with connect(server) as c:  # the accounts are asked as well
            c.say("AUTH PLAIN " + plain("bob"), "235")


# ---- accounts ------------------------------------------------------------------------------------

def test_accounts(program):
    with Running(program) as server:
        listed = user(server, "list")
        expect("alice@home.example" in listed and "bob@home.example" in listed, listed)
        rows = server.sql("SELECT verifier FROM account")
        expect(all(v.startswith("SCRAM-SHA-256$") for (v,) in rows), rows)
        mode = (server.dir / "queues" / "vsmtp.db").stat().st_mode & 0o777
        expect(mode == 0o600, oct(mode))
        with connect(server) as c:
            c.say("AUTH PLAIN " + plain("bob"), "235")
        user(server, "passwd", "bob", password="new")  # holds at once, also for what is remembered
        with connect(server, source="127.0.0.2") as c:
            c.say("AUTH PLAIN " + plain("bob"), "535")
        with connect(server, source="127.0.0.3") as c:
            c.say("AUTH PLAIN " + plain("bob", "new"), "235")
        server.process.kill()
        server.process.wait()
        server.start()
        with connect(server) as c:
            c.say("AUTH PLAIN " + plain("bob", "new"), "235")
        no_secrets(server)


def test_no_password_no_echo(program):
    """From a terminal: asked twice, never shown."""
    import pty
    with Running(program) as server:
        for answers, status, why in ((("hidden1", "hidden1"), 0, ""),
                                     (("hidden1", "hidden2"), 65, "two different")):
            pid, fd = pty.fork()
            if pid == 0:
                os.chdir(server.dir)
                os.execvp(server.program[0],
                          [*server.program, "user", "passwd", "bob", "-c", "vsmtp.toml"])
            said = b""
            for prompt, answer in zip((b"password: ", b"once more: "), answers):
                while prompt not in said:
                    said += os.read(fd, 1000)
                time.sleep(0.1)
                os.write(fd, answer.encode() + b"\n")
            try:
                while more := os.read(fd, 1000):
                    said += more
            except OSError:
                pass
            os.close(fd)
            got = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            expect(got == status, f"{got}: {said}")
            expect(b"hidden" not in said and why.encode() in said, said)
        with connect(server) as c:
            c.say("AUTH PLAIN " + plain("bob", "hidden1"), "235")


# ---- many ----------------------------------------------------------------------------------------

def test_in_line(program):
    """Passwords are checked one after another, one of an address; who would be the ninth comes again.
    Meanwhile others are served."""
    with Running(program) as server:
        slow = "SCRAM-SHA-256$50000000:" + server.sql(
            "SELECT substr(verifier, instr(verifier, ':') + 1) FROM account WHERE name LIKE 'bob%'")[0][0]
        server.sql(f"UPDATE account SET verifier = '{slow}' WHERE name LIKE 'bob%'")
        clients = [connect(server, source=f"127.0.0.{10 + n}") for n in range(12)]
        again = connect(server, source="127.0.0.10")
        for c in clients:
            c.send("AUTH PLAIN " + plain("bob") + "\r\n")
        time.sleep(0.3)
        again.say("AUTH PLAIN " + plain("bob"), "454 4.7.0")
        with connect(server, "smtp", source="127.0.0.99") as other:
            began = time.monotonic()
            other.say("NOOP", "250")
            expect(time.monotonic() - began < 5, "the server waits for a password")
        with connect(server, source="127.0.0.98") as other:
            other.say("AUTH PLAIN " + plain("bob"), "454")
        later = 0
        for c in clients[8:]:
            later += c.reply()[-1].startswith("454 4.7.0")
        expect(later == 4, f"{later} of 4 were put off")
        for c in clients:
            c.socket.close()  # those in line are forgotten
        until("them to be gone",
              lambda: (server.dir / "server.log").read_text().count(" closed") >= 14)
        with connect(server, "smtp") as c:
            c.say("AUTH PLAIN " + plain(ALICE, "another"), "235")


def test_unknown_costs_the_same(program):
    """Nobody learns from the time an answer takes whether there is such an account."""
    with Running(program) as server:
        def took(name, source):
            with connect(server, source=source) as c:
                began = time.monotonic()
                c.say("AUTH PLAIN " + plain(name, "wrong"), "535")
                return time.monotonic() - began

        def least(name):
            return min(took(name, f"127.0.2.{next(hosts)}") for _ in range(5))
        hosts = itertools.count(1)
        until("both to take as long", lambda: abs(least("bob") - least("nobody")) < 0.1)
        # and SCRAM: the same salt each time it is asked, after a restart as well
        salts = set()
        for _ in range(2):
            with connect(server) as c:
                c.send("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=nobody,r=abc").decode()
                       + "\r\n")
                first = base64.b64decode(c.reply()[-1][4:]).decode()
                salts.add(re.search("s=([^,]*)", first)[1])
            until("a commit", lambda: server.sql("SELECT count(*) FROM secret")[0][0] > 0)
            server.stop()
            server.start()
        expect(len(salts) == 1, salts)


def test_hundred_logins(program):
    """Who was right lately is not asked to wait again."""
    with Running(program) as server:
        with connect(server) as c:
            c.say("AUTH PLAIN " + plain("bob"), "235")

        def login(n):
            with connect(server, source=f"127.0.4.{n + 1}") as c:
                c.say("AUTH PLAIN " + plain("bob"), "235")
                c.say(f"MAIL FROM:<{BOB}>", "250")
                c.say(f"RCPT TO:<{ALICE}>", "250")
                c.say("DATA", "354")
                c.say(f"Subject: {n}\r\n\r\nx\r\n.", "250")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(login, range(100)))
        expect(len(server.mails(count=100)) == 100, "mails are missing")


if __name__ == "__main__":
    kit.main("auth", kit.tests_of(globals()), lambda test: tls.make_certificates() or test(kit.PROGRAM))
