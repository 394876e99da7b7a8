#!/usr/bin/env python3
"""Services that rules call, with what is really at the other end: services.py PROGRAM [PART].

clamd is the real one, unpacked by peers.sh, with the one signature of filters.py; where a scanner
must misbehave it is Scanner, below. Commands are commands, tables and databases are files. Each test
is a function and gets its own server.
"""

import fcntl
import io
import os
import pathlib
import re
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import filters  # noqa: E402
from filters import CLEAN, EICAR, FROM, TO, Clamd, Server, mime  # noqa: E402
import kit  # noqa: E402
from kit import expect, free_port, stop_listening, until  # noqa: E402
import smtplib  # noqa: E402

MAIN = """\
%s
#{
    preq: [
        rule "no virus" || {
            let seen = av.scan();
            if seen.clean { next() } else { quarantine("virus/" + seen.virus) }
        }
    ],
}
"""


class World:
    """A server with these rules; `files` lie beside them."""

    def __init__(self, program, rules, server="", files=None, mailboxes=("alice",)):
        self.server = Server(program, {"main.vsl": rules, **(files or {})}, server, mailboxes=mailboxes)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *why):
        self.server.__exit__(*why)

    client, send = filters.World.client, filters.World.send
    kept, lives = filters.World.kept, filters.World.lives

    def refused(self, text, code=451, why="4.3.5"):
        got, said = self.send(text)
        expect(got == code and said.startswith(why), f"{got} {said}")
        expect(self.kept() == 0 and not self.server.mails(), "something was kept")

    def logged(self, pattern):
        def look():
            return re.search(pattern, self.server.log() + self.file("server.log"))
        until(f"a log line {pattern}", look, 5)

    def file(self, name):
        return (self.server.dir / name).read_text(errors="replace")


def scanned(address, timeout="20s"):
    return MAIN % f'service av clamd = #{{ address: "{address}", timeout: "{timeout}" }};'


# ---- the real clamd ------------------------------------------------------------------------------

class Scanned(World):
    """A server whose mails the real clamd sees, on TCP or on its own socket."""

    def __init__(self, program, more="", tcp=False, timeout="20s"):
        port = free_port()
        self.clamd = Clamd(f"TCPSocket {port}\nTCPAddr 127.0.0.1\n{more}")
        address = f"127.0.0.1:{port}" if tcp else f"unix:{self.clamd.socket}"
        super().__init__(program, scanned(address, timeout))

    def __exit__(self, *why):
        try:
            super().__exit__(*why)
        finally:
            self.clamd.stop()


def test_clamd_verdicts(program):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("eicar.com", EICAR)
    for tcp in (False, True):
        with Scanned(program, tcp=tcp) as w:
            with w.client() as c:
                expect(w.send(CLEAN, c) == (250, ""), "clean mail")
                for text in (f"Subject: v\n\n{EICAR}\n", mime(EICAR.encode(), "e.com"),
                             mime(packed.getvalue(), "e.zip"), f"{EICAR}\n",
                             f"Subject: {EICAR}\n\nx\n"):
                    expect(w.send(text, c) == (250, ""), "not taken")
                expect(w.send("\n", c) == (250, ""), "an empty mail")
            mail = w.server.mails(count=2)[0].replace(b"\r\n", b"\n")
            expect(mail.endswith(b"\n\nhello\n.dot\n..\nend\n"), repr(mail))
            rows = w.server.sql("SELECT queue, rule FROM quarantine")
            expect(len(rows) == 5, rows)
            expect(rows[0][0] == "virus/Eicar-Test-Signature.UNOFFICIAL", rows[0])
            expect("no virus" in rows[0][1], rows[0])


def test_clamd_many(program):
    """more at once than connections to clamd"""
    with Scanned(program) as w:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(w.send(CLEAN)))
                   for _ in range(60)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect(answers.count((250, "")) == 60, str(set(answers)))
        expect(len(w.server.mails(count=60)) == 60, "lost or doubled")


def test_clamd_large(program):
    body = b"".join(b".%06d some text of a long mail\r\n" % i for i in range(100000))
    with Scanned(program) as w:
        expect(w.send(b"Subject: large\r\n\r\n" + body) == (250, ""), "not accepted")
        w.server.mails(count=1)
        code, said = w.send(b"Subject: large\r\n\r\n" + body + EICAR.encode() + b"\r\n")
        expect(code == 250 and len(w.server.sql("SELECT 1 FROM quarantine")) == 1, said)


def test_clamd_over_its_limit(program):
    """clamd hangs up in the middle of a mail that is too large for it"""
    body = b"0123456789abcdef0123456789abcdef\r\n" * 60000
    for tcp in (False, True):
        with Scanned(program, "StreamMaxLength 1M", tcp=tcp) as w:
            w.refused(b"Subject: large\r\n\r\n" + body)
            w.logged("service 'av': clamd at .* gave no verdict")
            expect(w.send(CLEAN) == (250, ""), "no service any more")


def test_clamd_unread(program):
    """what the README warns of: over MaxFileSize clamd says OK, unless it is told to alert"""
    body = b"0123456789abcdef0123456789abcdef\r\n" * 60000 + EICAR.encode() + b"\r\n"
    for more, wanted in (("", 0), ("AlertExceedsMax yes", 1)):
        with Scanned(program, "MaxFileSize 1M\nStreamMaxLength 25M\n" + more) as w:
            expect(w.send(b"Subject: large\r\n\r\n" + body) == (250, ""), "not taken")
            found = w.server.sql("SELECT queue FROM quarantine")
            expect(len(found) == wanted, (more, found))


def test_clamd_stopped(program):
    with Scanned(program, timeout="2s") as w:
        w.clamd.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        w.refused(CLEAN)
        expect(time.monotonic() - began < 10, "waited too long")
        w.logged("gave no verdict: it took too long")
        w.clamd.process.send_signal(signal.SIGCONT)
        expect(w.send(CLEAN) == (250, ""), "no service any more")


def test_clamd_after_the_queue(program):
    with Scanned(program) as w:
        rules = w.server.dir / "main.vsl"
        rules.write_text(rules.read_text().replace("preq:", "postq:"))
        w.server.stop()
        w.server.start()
        expect(w.send(CLEAN) == (250, ""), "clean mail")
        expect(w.send(f"Subject: v\n\n{EICAR}\n") == (250, ""), "not taken")
        until("a quarantine", lambda: w.server.sql("SELECT 1 FROM quarantine"))
        expect(len(w.server.mails(count=1)) == 1, "a virus was delivered")


# ---- scanners that are not clamd -----------------------------------------------------------------

class Scanner:
    """Speaks INSTREAM; act(scanner, connection, mail) answers."""

    def __init__(self, act, early=False):
        self.act, self.early, self.seen = act, early, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        if early:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            mail = b"" if self.early else self.read(connection.makefile("rb"))
            self.seen.append(mail)
            self.act(self, connection, mail)
        except OSError:
            pass
        connection.close()

    @staticmethod
    def read(file):
        expect(file.read(10) == b"zINSTREAM\0", "not INSTREAM")
        mail = b""
        while (size := struct.unpack(">I", file.read(4))[0]) > 0:
            mail += file.read(size)
        return mail

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_listening(self.listener)


def saying(text):
    return lambda scanner, connection, mail: connection.sendall(text)


def test_scanner_sees_the_mail(program):
    with Scanner(saying(b"stream: OK\0")) as s, World(program, scanned(s.address)) as w:
        expect(w.send(CLEAN) == (250, ""), "not accepted")
        delivered = w.server.mails(count=1)[0]
        shown = s.seen[0].replace(b"\r\n", b"\n")
        expect(delivered.endswith(shown) and shown.startswith(b"Received: "), repr(shown))


def test_scanner_without_verdict(program):
    """whatever a scanner says but clamd's two sentences, nothing is kept"""
    says = [b"", b"stream: OK", b"stream: OK\n", b"OK\0", b"stream: OK\0\0", b"stream: OK\0x",
            b"stream: O\0K\0", b"stream:  FOUND\0", b"stream: x ERROR\0", b"x" * 5000, b"\0",
            b"stream: OK\0stream: bad FOUND\0", b"PONG\0", b"UNKNOWN COMMAND\0"]
    said = iter(says)
    with Scanner(lambda s, c, m: c.sendall(next(said))) as s:
        with World(program, scanned(s.address)) as w:
            for _ in says:
                w.refused(CLEAN)
            w.lives()


def test_scanner_slow_words(program):
    def act(scanner, connection, mail):
        for octet in b"stream: Bad.Thing FOUND\0":
            connection.sendall(bytes([octet]))
            time.sleep(0.005)
    with Scanner(act) as s, World(program, scanned(s.address)) as w:
        expect(w.send(CLEAN) == (250, ""), "not taken")
        expect(w.server.sql("SELECT queue FROM quarantine") == [("virus/Bad.Thing",)], "no virus")


def test_scanner_answers_too_early(program):
    """a verdict about a mail it has not seen"""
    body = b"0123456789abcdef0123456789abcdef\r\n" * 300000  # more than the sockets between them hold
    with Scanner(saying(b"stream: OK\0"), early=True) as s, World(program, scanned(s.address)) as w:
        w.refused(b"Subject: large\r\n\r\n" + body)


def test_scanner_down(program):
    port = free_port()
    for address in (f"127.0.0.1:{port}", "unix:/nonexistent/clamd.ctl"):
        with World(program, scanned(address)) as w:
            w.refused(CLEAN)
            w.logged("service 'av': clamd at .* gave no verdict")
            w.lives()


def test_scanner_silent(program):
    with Scanner(lambda s, c, m: time.sleep(30)) as s, World(program, scanned(s.address, "1s")) as w:
        w.refused(CLEAN)
        w.logged("it took too long .waiting for the verdict.")
        # a client that goes meanwhile, and a server that stops meanwhile, leave nothing behind
        c = socket.create_connection(("127.0.0.1", w.server.port))
        for line in ("EHLO me.example", f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA", "x\r\n."):
            c.recv(1000)
            c.sendall(line.encode() + b"\r\n")
        until("a scan", lambda: len(s.seen) == 2)
        c.close()
        c = socket.create_connection(("127.0.0.1", w.server.port))
        for line in ("EHLO me.example", f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA", "x\r\n."):
            c.recv(1000)
            c.sendall(line.encode() + b"\r\n")
        until("a scan", lambda: len(s.seen) == 3)
        w.server.stop()


def test_scanner_bounded(program):
    busy, lock = [0, 0], threading.Lock()

    def act(scanner, connection, mail):
        with lock:
            busy[0] += 1
            busy[1] = max(busy)
        time.sleep(0.3)
        with lock:  # before the answer: after it the next one may come at once
            busy[0] -= 1
        connection.sendall(b"stream: OK\0")
    with Scanner(act) as s, World(program, scanned(s.address)) as w:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(w.send(CLEAN)))
                   for _ in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect(answers.count((250, "")) == 20, str(set(answers)))
        expect(busy[1] == 8, f"{busy[1]} connections at once")


# ---- commands ------------------------------------------------------------------------------------

def asking(declaration, expression, more=""):
    """The value of an expression is the reply to the mail."""
    return f"""{declaration}
#{{ preq: [ rule "ask" || {{ {more} deny("550 5.7.1 " + `${{{expression}}}`) }} ] }}"""


def answer(w, text="Subject: x\n\nx\n"):
    code, said = w.send(text)
    return said.removeprefix("5.7.1 ") if code == 550 else f"{code} {said}"


def test_command_ends(program):
    service = 'service x cmd = #{ command: "/bin/sh", timeout: "%s", args: ["-c", "%s"] };'
    for script, wanted in (("exit 0", "code 0"), ("exit 42", "code 42"), ("kill -15 $$", "signal 15")):
        with World(program, asking(service % ("20s", script), "x.cmd_run()")) as w:
            expect(answer(w) == wanted, answer(w))
    with World(program, asking(service % ("500ms", "sleep 60 & sleep 60"), "x.cmd_run()")) as w:
        began = time.monotonic()
        expect(answer(w) == "signal 9", "not killed")
        expect(time.monotonic() - began < 10, "waited too long")
    with World(program, asking(service % ("20s", "exit 3"), "x.cmd_run().signal")) as w:
        w.refused(CLEAN)
        w.logged("the command ended with code 3: it has no 'signal'")


def test_command_arguments(program):
    """no shell: an argument is an argument"""
    service = """service x cmd = #{ command: "python3", timeout: "20s", args: ["-c", "pass"] };
let script = "import os, sys; open(sys.argv[1], 'w').write(repr([sys.argv[2:], sys.stdin.read(), sorted(os.environ)])); print('lost')";"""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        rules = asking(service, f'x.cmd_run(["-c", script, "{out}", "a b", "$(id)", "; exit 1", "", get_header("X-A")])')
        with World(program, rules) as w:
            expect(answer(w, "X-A: '`rm`'\n\nx\n") == "code 0", "failed")
            args, stdin, names = eval(out.read_text())
            expect(args == ["a b", "$(id)", "; exit 1", "", "'`rm`'"], args)
            expect(stdin == "" and set(names) - {"LC_CTYPE"} == {"HOME", "PATH"}, (stdin, names))


def test_command_faults(program):
    service = 'service x cmd = #{ command: "%s", timeout: "20s"%s };'
    for command, more, why in (
            ("/nonexistent/x", "", "cannot run /nonexistent/x: No such file or directory"),
            ("true", ', user: "nobody-of-that-name"', "service 'x': .*nobody-of-that-name"),
            ("/proc/version", "", "cannot run /proc/version: Permission denied")):
        with World(program, asking(service % (command, more), "x.cmd_run()")) as w:
            w.refused(CLEAN)
            w.logged(why)
            w.lives()
    with World(program, asking(service % ("true", ""), "x.cmd_run([long])",
                               'let long = "a"; long.pad(20000, "a");')) as w:
        w.refused(CLEAN)
        w.logged("over 8192 octets")


def test_command_users(program):
    """another user and group, where the server was started as root"""
    if os.geteuid() != 0:
        return
    service = """service x cmd = #{ command: "/bin/sh", timeout: "20s", user: "nobody",
        args: ["-c", "test $(id -un) = nobody"] };"""
    with World(program, asking(service, "x.cmd_run()")) as w:
        expect(answer(w) == "code 0", "another user")


def test_command_many(program):
    """more at once than may run; meanwhile others are served"""
    with tempfile.TemporaryDirectory() as folder:
        service = f"""service x cmd = #{{ command: "/bin/sh", timeout: "50s", args: ["-c",
            "touch {folder}/$$; sleep 0.5; rm {folder}/$$"] }};"""
        with World(program, asking(service, "x.cmd_run()")) as w:
            answers, most = [], 0
            threads = [threading.Thread(target=lambda: answers.append(answer(w)))
                       for _ in range(12)]
            for t in threads:
                t.start()
            while any(t.is_alive() for t in threads):
                most = max(most, len(os.listdir(folder)))
                time.sleep(0.02)
            expect(answers == ["code 0"] * 12, answers)
            expect(most == 4, f"{most} at once")


def test_command_server_stops(program):
    """what runs then is killed"""
    with tempfile.TemporaryDirectory() as folder:
        pid = pathlib.Path(folder) / "pid"
        service = f"""service x cmd = #{{ command: "/bin/sh", timeout: "50s", args: ["-c",
            "echo $$ >{pid}; sleep 50"] }};"""
        with World(program, asking(service, "x.cmd_run()")) as w:
            c = socket.create_connection(("127.0.0.1", w.server.port))
            for line in ("EHLO me.example", f"MAIL FROM:<{FROM}>", f"RCPT TO:<{TO}>", "DATA", "x\r\n."):
                c.recv(1000)
                c.sendall(line.encode() + b"\r\n")
            until("the command", lambda: pid.exists() and pid.read_text().strip())
            w.server.stop()
            c.close()
            process = pathlib.Path("/proc") / pid.read_text().strip()

            def over():
                try:
                    return re.search(r"State:\s+[ZX]", (process / "status").read_text())
                except OSError:
                    return True
            until("its end", over)


def test_command_reload(program):
    """the helper runs what it was told of at the start and nothing else"""
    one = 'service x cmd = #{ command: "/bin/sh", timeout: "20s", args: ["-c", "exit %d"] };'
    with World(program, asking(one % 1, "x.cmd_run()")) as w:
        expect(answer(w) == "code 1", "first")
        rules = w.server.dir / "main.vsl"

        def reload(text, line):
            before = (w.server.log() + w.file("server.log")).count(line)
            rules.write_text(text)
            w.server.process.send_signal(signal.SIGHUP)
            until("a reload", lambda: (w.server.log() + w.file("server.log")).count(line) > before)
        reload(asking(one % 2, "x.cmd_run()"), "reloaded configuration")
        expect(answer(w) == "code 2", "other arguments of the same command")
        reload(asking(one.replace("/bin/sh", "/bin/false") % 2, "x.cmd_run()"),
               "service 'x' is new or changed")
        w.refused(CLEAN)
        w.logged("it can be run after a restart of the server")


# ---- tables --------------------------------------------------------------------------------------

def csv(access, refresh, connector="t.csv"):
    return (f'service t db:csv = #{{ connector: "{connector}", access: "{access}", '
            f'refresh: "{refresh}", delimiter: \',\' }};')


def test_table_questions(program):
    files = {"t.csv": 'bob@far.example,1,"one, two"\nelsewhere.example,2\n'}
    for refresh in ("always", "no"):
        rules = asking(csv("O_RDWR", refresh), 't.get(get_header("Subject"))', """
            if has_header("X-Set") { t.set([get_header("X-Set"), "new"]); }
            if has_header("X-Rm") { t.rm(get_header("X-Rm")); }""")
        with World(program, rules, files=files) as w:
            path = w.server.dir / "t.csv"
            expect(answer(w, "Subject: bob@far.example\n\nx\n") == '["bob@far.example", "1", "one, two"]', "get")
            expect(answer(w, "Subject: bob\n\nx\n") == "[]", "get nothing")
            expect(answer(w, "Subject: a b\nX-Set: a b\n\nx\n") == '["a b", "new"]', "set")
            expect(path.read_text() == files["t.csv"] + "a b,new\n", path.read_text())
            expect(answer(w, "Subject: elsewhere.example\nX-Rm: elsewhere.example\n\nx\n") == "[]", "rm")
            expect(path.read_text() == 'bob@far.example,1,"one, two"\na b,new\n', path.read_text())
            path.write_text("bob,changed\n")
            wanted = '["bob", "changed"]' if refresh == "always" else "[]"
            expect(answer(w, "Subject: bob\n\nx\n") == wanted, refresh)


def test_table_locked(program):
    with World(program, asking(csv("O_RDONLY", "always"), 't.get("a")'), files={"t.csv": "a,b\n"}) as w:
        with open(w.server.dir / "t.csv") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            threading.Timer(1, fcntl.flock, [file, fcntl.LOCK_UN]).start()
            began = time.monotonic()
            expect(answer(w) == '["a", "b"]', "not waited for")
            expect(time.monotonic() - began > 0.5, "read while it was locked")
            fcntl.flock(file, fcntl.LOCK_EX)
            w.refused(CLEAN)
            w.logged("service 't': another program has the file locked")


def test_table_not_ours(program):
    """our own database behind a symbolic link that was made later"""
    with World(program, asking(csv("O_RDWR", "always"), 't.get("a")'), files={"t.csv": "a,b\n"}) as w:
        path = w.server.dir / "t.csv"
        path.unlink()
        path.symlink_to("queues/vsmtp.db")
        w.refused(CLEAN)
        w.logged("belongs to the server's own database")
        w.lives()


# ---- databases -----------------------------------------------------------------------------------

DATABASE = 'service db db:sqlite = #{ connector: "people.db"%s };'


def people(w):
    path = w.server.dir / "people.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("CREATE TABLE people(name TEXT PRIMARY KEY, n INTEGER);"
                     "INSERT INTO people VALUES('bob@elsewhere.example', 7), ('amy', NULL)")
    return db


class Database(World):
    def __init__(self, program, options, expression, more=""):
        super().__init__(program, asking(DATABASE % options, expression, more), files={"people.db": ""})
        self.db = people(self)

    def __exit__(self, *why):
        self.db.close()
        super().__exit__(*why)


def test_sqlite_query(program):
    query = 'db.query("SELECT name, n FROM people WHERE name = ?", [mail_from()])'
    with Database(program, "", query) as w:
        expect(answer(w) == '[#{"n": 7, "name": "bob@elsewhere.example"}]', answer(w))
    injected = 'db.query("SELECT count(*) AS c FROM people WHERE name = ?", [get_header("Subject")])'
    with Database(program, "", injected) as w:
        expect(answer(w, "Subject: ' OR '1'='1\n\nx\n") == '[#{"c": 0}]', answer(w))


def test_sqlite_execute(program):
    count = 'db.execute("INSERT INTO people VALUES(?, ?)", [get_header("Subject"), 5])'
    with Database(program, ', access: "O_RDWR"', count) as w:
        expect(answer(w, "Subject: eve\n\nx\n") == "1", "not inserted")
        expect(w.db.execute("SELECT n FROM people WHERE name = 'eve'").fetchall() == [(5,)], "lost")
        w.refused("Subject: eve\n\nx\n")
        w.logged("UNIQUE constraint failed")
    with Database(program, "", count) as w:
        w.refused("Subject: eve\n\nx\n")
        w.logged("its access does not permit 'execute'")


def test_sqlite_forbidden(program):
    for statement in ("ATTACH 'queues/vsmtp.db' AS q", "PRAGMA wal_checkpoint", "BEGIN", "DROP TABLE people",
                      "VACUUM INTO 'x.db'", "SELECT 1; SELECT 2"):
        with Database(program, ', access: "O_RDWR"', f'db.execute("{statement}")') as w:
            w.refused(CLEAN)
            expect(not (w.server.dir / "x.db").exists(), "a file was written")


def test_sqlite_endless(program):
    endless = 'db.query("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) SELECT max(i) FROM c")'
    with Database(program, "", endless) as w:
        w.refused(CLEAN)
        w.logged("the statement took over 100 ms")
        w.lives()


def test_sqlite_locked(program):
    with Database(program, ', timeout: "3s"', 'db.query("SELECT count(*) AS c FROM people")') as w:
        w.db.execute("BEGIN EXCLUSIVE")
        answers = []
        asker = threading.Thread(target=lambda: answers.append(answer(w)))
        asker.start()
        time.sleep(0.5)
        expect(not answers, "read while it was locked")
        w.lives()
        w.db.execute("COMMIT")
        asker.join()
        expect(answers == ['[#{"c": 2}]'], answers)
        w.db.execute("BEGIN EXCLUSIVE")
        w.refused(CLEAN)
        w.logged("service 'db': another program has the file locked")
        w.db.execute("COMMIT")


def test_sqlite_not_ours(program):
    for link in (os.symlink, os.link):
        with Database(program, ', access: "O_RDWR"', 'db.execute("DELETE FROM message")') as w:
            (w.server.dir / "people.db").unlink()
            link(w.server.dir / "queues" / "vsmtp.db", w.server.dir / "people.db")
            w.refused(CLEAN)
            w.logged("is the server's own database")
            w.lives()


if __name__ == "__main__":
    kit.main("services", kit.tests_of(globals()), lambda test: test(kit.PROGRAM))
