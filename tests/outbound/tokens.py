"""tests/outbound/tokens.py: a token for the relay that a command prints (XOAUTH2)."""

import base64
import pathlib
import signal
import subprocess
import sys
import time

from kit import Skip, needs_root
from others import Dovecot
from postfix import AUTH, asking, issued_by, postfix
from world import ONE, World, expect, free_port, tls, trusting, until

USER, GOOD = "joe@x.example", "ya29.good-token_1"


class Bearer:
    """The server's side of XOAUTH2: which tokens it was shown, and which it takes."""

    def __init__(self, *good):
        self.good, self.seen = set(good), []

    def offer(self, peer, encrypted):
        return ["PIPELINING", "8BITMIME", "AUTH PLAIN LOGIN XOAUTH2"]

    def __call__(self, peer, stream, source, line):
        kind, text = line.split()[1:]
        user, auth = base64.b64decode(text).decode().removesuffix("\1\1").split("\1")
        token = auth.removeprefix("auth=Bearer ")
        expect((kind, user) == ("XOAUTH2", f"user={USER}"), line)
        self.seen.append(token)
        if token in self.good:
            peer.say(stream, "235 2.7.0 welcome")
            return
        peer.say(stream, "334 " + base64.b64encode(b'{"status":"401"}').decode())
        expect(next(source) == b"", "an answer to the error")
        peer.say(stream, "535 5.7.8 bad token")


class Prints(World):
    """A server whose relay wants what a script prints; `runs` counts how often it ran."""

    def __init__(self, script, *good, more="", words=(), alone=False, period="1h"):
        port = free_port()
        self.auth = Bearer(*good)
        super().__init__(ONE, port=port, env=trusting(), period=period, relay="\n".join((
            "[server.relay]", f'host = "x.example:{port}"', f'user = "{USER}"',
            f"token_command = {['./token.sh', *words]}", more)))
        self.program = self.server.dir / "token.sh"
        self.count = self.server.dir / "count"
        self.count.touch()
        self.count.chmod(0o666)
        self.server.dir.chmod(0o755)
        self.script(script)
        if not alone:
            self.to = self.peer("127.0.1.1", auth=self.auth, offer=self.auth.offer, tls=tls("x.example"))

    def script(self, text):
        fresh = self.program.with_suffix(".new")
        fresh.write_text(f"#!/bin/sh\necho >>{self.count}\n{text}\n")
        fresh.chmod(0o755)
        fresh.rename(self.program)

    def runs(self):
        return len(self.count.read_text())

    def told(self):
        return self.log() + self.server.log() + "".join(r[2] for r in self.recipients())

    def check(self):
        return subprocess.run([*self.server.program, "check", "-c", "vsmtp.toml"], cwd=self.server.dir,
                              env=self.server.env, capture_output=True, text=True)

    def hides(self, *secrets):
        """None of them in a log, a reply, a file of the database."""
        octets = b"".join(f.read_bytes() for f in (self.server.dir / "queues").rglob("*") if f.is_file())
        for secret in secrets:
            expect(secret not in self.told() and secret.encode() not in octets, f"{secret} is shown")


def test_token_of_a_command():
    """one run for many mails; in no log, no list of processes, no database, also where all is traced"""
    shown = []
    with Prints(f"echo {GOOD}", GOOD, words=["a b", "", "$(x)"]) as w:
        w.server.process.send_signal(signal.SIGUSR2)
        w.script(f'[ "$1|$2|$3|$#" = "a b||\\$(x)|3" ] && ! read x && echo {GOOD} || exit 9')

        def look():
            for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    shown.append(file.read_bytes())
                except OSError:
                    pass
            return len(w.to.mails) >= 1
        w.send("a@nowhere.example")
        until("the first mail", look)
        w.server.process.send_signal(signal.SIGUSR2)
        for i in range(5):
            w.send(f"b{i}@nowhere.example")
        w.empty()
        expect(len(w.to.mails) == 6 and w.runs() == 1, w.runs())
        expect(set(w.auth.seen) == {GOOD}, w.auth.seen)
        w.hides(GOOD)
        expect(not any(GOOD.encode() in line for line in shown), "the token is in a list of processes")


def test_token_of_a_command_is_rotated():
    """one that was good and is no more is asked for anew, and nobody waits for it"""
    with Prints("echo one", "one") as w:
        w.send("a@nowhere.example")
        w.arrived(w.to)
        until("the connection to be closed", lambda: w.to.now == 0)
        w.send("b@nowhere.example")
        w.arrived(w.to, 2)
        expect(w.runs() == 1 and w.auth.seen == ["one", "one"], w.auth.seen)
        until("the connection to be closed", lambda: w.to.now == 0)
        w.script("echo two")
        w.auth.good = {"two"}
        w.send("c@nowhere.example")
        w.arrived(w.to, 3)
        expect(w.runs() == 2 and w.auth.seen[2:] == ["one", "two"], w.auth.seen)
        w.empty()


def test_token_of_a_command_is_refused():
    """a fresh one is not asked for twice: the mail waits, and the next attempt asks again"""
    with Prints("echo wrong.token", GOOD) as w:
        w.send("a@nowhere.example")
        expect(w.reply("a@nowhere.example", "pending") == "535 5.7.8 bad token", w.recipients())
        expect(w.runs() == 1 and w.auth.seen == ["wrong.token"], w.auth.seen)
        w.script(f"echo {GOOD}")
        w.server.process.send_signal(signal.SIGUSR1)
        w.arrived(w.to)
        w.empty()
        expect(w.runs() == 2, w.runs())
        w.hides("wrong.token")


def test_token_command_fails():
    """each time the mail waits, the reason is told, and nothing of what it printed"""
    for script, want in (
            ("echo secret.token; exit 3", "it ended with code 3"),
            ("echo secret.token; kill -9 $$", "it died by signal 9"),
            ("echo secret.token >&2", "it printed nothing"),
            ("echo secret.token; echo secret.token", "it printed more than one line"),
            ("printf 'secret.token\\000x\\n'", "it printed something with spaces or control characters in it"),
            ("yes secret.token", "it printed more than 8192 octets"),
            ("printf '%09000d' 1", "it printed more than 8192 octets"),
            ("echo secret.token; sleep 100", "it took too long")):
        with Prints(script, GOOD) as w:
            w.send("a@nowhere.example")
            got = w.reply("a@nowhere.example", "pending")
            expect(got == f"4.7.0 server.relay.token_command: {want}", (script, got))
            w.says(want)
            expect(w.to.connections == 0, script)
            w.hides("secret.token")
            w.script(f"echo {GOOD}")
            w.server.process.send_signal(signal.SIGUSR1)
            w.arrived(w.to)


def test_token_command_is_not_there():
    with Prints("echo x", GOOD) as w:
        w.program.unlink()
        w.send("a@nowhere.example")
        got = w.reply("a@nowhere.example", "pending")
        expect(got.startswith("4.7.0 server.relay.token_command: cannot run ") and "No such file" in got, got)
        w.script(f"echo {GOOD}")
        w.program.chmod(0o644)
        w.server.process.send_signal(signal.SIGUSR1)
        until("another reason", lambda: "Permission denied" in w.reply("a@nowhere.example", "pending"))


def test_nobody_waits_for_a_token():
    """a slow command keeps neither clients nor other mail waiting; stopping does not wait for it either"""
    with Prints("sleep 100") as w:
        w.send("a@nowhere.example")
        until("the command to run", w.runs)
        w.send("alice@home.example")
        until("a local delivery", lambda: w.server.mails("alice"))
        w.send("b@nowhere.example")
        if any(r[2] for r in w.recipients()):
            raise Skip("this machine is so slow that the command was killed meanwhile")
        w.server.stop()
        w.server.start()


def test_token_command_in_a_target():
    """is an error: what a stranger wrote could be put into it"""
    way = 'try { forward(rcpt(), "smtp://joe@x.example?token_command=/bin/true") } catch (e) { log("warn", `caught ${e}`) }'
    with World(ONE, way) as w:
        peer = w.peer("127.0.1.1")
        w.send("a@x.example")
        w.arrived(peer)
        expect("a token_command stands in [server.relay] alone" in (w.server.dir / "app.log").read_text())


def test_token_command_after_a_reload():
    """another one waits for a restart; the texts of the old configuration are not used any more"""
    with Prints(f"echo {GOOD}", GOOD) as w:
        config = w.server.dir / "vsmtp.toml"
        text = config.read_text()
        w.send("a@nowhere.example")
        w.arrived(w.to)
        config.write_text(text.replace("'./token.sh'", "'./token.sh', 'more'"))
        w.server.process.send_signal(signal.SIGHUP)
        until("the reload", lambda: "token_command is new or changed" in w.log())
        until("the connection to be closed", lambda: w.to.now == 0)
        w.auth.good = {"other"}
        w.send("b@nowhere.example")
        got = w.reply("b@nowhere.example", "pending")
        expect("after a restart" in got and w.runs() == 1, got)
        w.script("echo other")
        config.write_text(text)
        w.server.process.send_signal(signal.SIGHUP)
        until("the second reload", lambda: w.log().count("reloaded") == 2)
        w.server.process.send_signal(signal.SIGUSR1)
        w.arrived(w.to, 2)


def test_token_command_as_a_user():
    """whom token_user names, with the HOME of that user, and never root; check says whether he may"""
    needs_root()
    script = f'[ "$(id -un):$(id -Gn):$HOME" = "games:games:/usr/games" ] && echo {GOOD}'
    with Prints(script, GOOD, more='token_user = "games"') as w:
        done = w.check()
        expect(done.returncode == 0, done.stderr)
        w.send("a@nowhere.example")
        w.arrived(w.to)
        w.program.chmod(0o700)
        done = w.check()
        expect(done.returncode != 0 and "token_command: cannot run" in done.stderr and
               "Permission denied (as user games)" in done.stderr, done.stderr)


ISSUES = """\
cd {here} && exec {python} -c 'import sys, time
sys.path[:0] = ["{here}", "{here}/.."]
from postfix import token
print(token(b"{secret}", "joe", 10))'
"""


def test_token_command_and_a_real_postfix():
    """that asks Dovecot, which takes a token for its ten seconds and no longer: a fresh one is got in time"""
    secret = b"0123456789abcdef0123456789abcdef"
    script = ISSUES.format(here=pathlib.Path(__file__).parent, python=sys.executable, secret=secret.decode())
    with Dovecot(AUTH) as d:
        issued_by(secret, d)
        d.start()
        with Prints(script, alone=True, period="1s") as w, postfix(w, asking(d)) as there:
            for i in range(2):
                w.send(f"joe{i}@x.example")
                w.empty()
            runs = w.runs()
            time.sleep(12)  # the token ends, and so does the connection
            w.send("ann@x.example")
            w.empty()
            w.says("refuses a token that was good")
            expect(w.runs() > runs, w.log())
            expect("sasl_method=XOAUTH2, sasl_username=joe" in there.log(), there.log())
