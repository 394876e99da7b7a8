"""Filters, real and made up, and a server between a client and one of them: for the tests beside.

clamsmtpd and clamd are the real ones, unpacked by peers.sh; clamd has one signature, made here. The filter that misbehaves is Filter, below.
"""

import contextlib
import email.mime.application
import email.mime.multipart
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
import threading

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "clients")]
from kit import Daemon, expect, free_port, listens, stop_listening, unpacked, until  # noqa: E402
from server import Server  # noqa: E402

EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FROM, TO = "bob@elsewhere.example", "alice@home.example"
FORGED = "X-VSMTP-DELEGATION"

SERVICE = """\
service clamsmtpd smtp = #{
    delegator: #{
        address: "127.0.0.1:%(filter)d",
        timeout: "%(timeout)s",
    },
    receiver: "%(any)s:%(receiver)d",%(marks)s
};
"""
MAIN = """\
import "service" as s;

#{
    %(before)s
    %(stage)s: [
        delegate s::clamsmtpd "check email for virus" || {
          // clamav inserts the "X-Virus-Infected" header
          // once a virus is detected.
          if has_header("X-Virus-Infected") {
            quarantine("virus_q")
          } else {
            next()
          }
        }
    ],
}
"""


# ---- the filters ---------------------------------------------------------------------------------

class Clamd(Daemon):
    """The real clamd with a signature of its own; more: lines of its configuration."""

    def __init__(self, more=""):
        top, env = unpacked("clamav-daemon")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="clamd-"))
        self.socket = self.dir / "clamd.ctl"
        (self.dir / "db").mkdir()
        signature = EICAR.encode().hex()
        (self.dir / "db" / "test.ndb").write_text(f"Eicar-Test-Signature:0:*:{signature}\n")
        (self.dir / "clamd.conf").write_text(
            f"LocalSocket {self.socket}\nDatabaseDirectory {self.dir}/db\nForeground yes\n"
            f"LogFile {self.dir}/clamd.log\n{more}\n")
        super().__init__(self.answers, top / "usr/sbin/clamd", f"--config-file={self.dir}/clamd.conf", env=env)

    def answers(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            s.sendall(b"zPING\0")
            return s.recv(100).startswith(b"PONG")

    def stop(self):
        super().stop()
        shutil.rmtree(self.dir)


class Clamsmtpd(Daemon):
    def __init__(self, clamd, port, receiver, action="pass", timeout=60, socket_path=None,
                 header="X-AV-Checked: ClamAV using ClamSMTP"):
        top, env = unpacked("clamsmtp")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="clamsmtpd-"))
        (self.dir / "conf").write_text(
            f"Listen: 127.0.0.1:{port}\nOutAddress: 127.0.0.1:{receiver}\n"
            f"ClamAddress: {socket_path or clamd.socket}\n"
            f"Header: {header}\n"
            f"Action: {action}\nTempDirectory: {self.dir}\nTimeOut: {timeout}\n"
            "KeepAlives: 0\nMaxConnections: 64\n")
        super().__init__(lambda: listens(port), top / "usr/sbin/clamsmtpd", "-d", "2", "-f", self.dir / "conf", env=env)

    def stop(self):
        super().stop()
        shutil.rmtree(self.dir)


class Filter:
    """A filter for the habits clamsmtpd does not have. act(filter, text) gives the last reply."""

    def __init__(self, port, receiver, act):
        self.receiver, self.act = receiver, act
        self.seen, self.link, self.turn = [], None, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=100)
        self.threads = threading.Thread(target=self.accept, daemon=True)
        self.threads.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile("rwb")

        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()
        try:
            say("220 filter")
            while line := file.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    say("354 go")
                    text = b""
                    while (line := file.readline()) not in (b".\r\n", b""):
                        text += line[1:] if line.startswith(b".") else line
                    if line:
                        self.seen.append(text)
                        say(self.act(self, text))
                else:
                    say("221 bye" if verb == b"QUIT" else "250 ok")
        except OSError:
            pass
        connection.close()

    def give_back(self, text, reuse=False):
        """to the receiver: its reply"""
        with self.turn if reuse else contextlib.nullcontext():
            return self.give_back_by(text, reuse)

    def give_back_by(self, text, reuse):
        link = self.link or smtplib.SMTP("127.0.0.1", self.receiver, "localhost", 20)
        self.link = link if reuse else None
        try:
            link.sendmail("who@ever.example", ["not@me.example"], text)
            return "250 ok"
        except smtplib.SMTPResponseException as refused:
            return f"{refused.smtp_code} {refused.smtp_error.decode()}"
        finally:
            if not reuse:
                link.close()

    def stop(self):
        stop_listening(self.listener)


def marked(text, mark=b"X-AV-Checked: yes"):
    head, _, body = text.partition(b"\r\n\r\n")
    return head + b"\r\n" + mark + b"\r\n\r\n" + body


# ---- a world of server and filter ----------------------------------------------------------------

class World:
    def __init__(self, program, filter_of=None, timeout="20s", marks="", env=None, stage="preq",
                 server="", any="127.0.0.1", before="", **clam):
        self.ports = [free_port(), free_port()]
        names = {"filter": self.ports[0], "receiver": self.ports[1], "timeout": timeout,
                 "any": any,
                 "marks": f"\n    marks: {marks}," if marks else ""}
        self.server = Server(
            program, {"service.vsl": SERVICE % names, "main.vsl": MAIN % {"stage": stage, "before": before}},
            server=server, env=env)
        conf = self.server.dir / "vsmtp.toml"
        conf.write_text(conf.read_text().replace(
            '["127.0.0.1:0"]', f'["127.0.0.1:0", "{any}:{self.ports[1]}"]'))
        self.filter_of, self.clam = filter_of, clam
        self.parts = []

    def __enter__(self):
        if self.filter_of:
            self.filter = Filter(*self.ports, self.filter_of)
        elif self.clam.pop("none", False):
            self.filter = None
        else:
            clamd = self.clamd = Clamd()
            self.parts.append(clamd)
            receiver = self.clam.pop("receiver", self.ports[1])
            if "clamsmtpd_timeout" in self.clam:
                self.clam["timeout"] = self.clam.pop("clamsmtpd_timeout")
            self.filter = Clamsmtpd(clamd, self.ports[0], receiver, **self.clam)
        if self.filter:
            self.parts.append(self.filter)
        self.server.__enter__()
        return self

    def __exit__(self, kind, *rest):
        try:
            self.server.__exit__(kind, *rest)
        finally:
            for part in reversed(self.parts):
                part.stop()

    def client(self, port=None):
        return smtplib.SMTP("127.0.0.1", port or self.server.port, "me.example", 60)

    def send(self, text, client=None):
        """code and text of the answer to the mail"""
        c = client or self.client()
        text = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
        try:
            c.sendmail(FROM, [TO], text)
            return 250, ""
        except smtplib.SMTPDataError as refused:
            return refused.smtp_code, refused.smtp_error.decode()
        finally:
            if not client:
                c.close()

    def kept(self):
        return self.server.sql("SELECT count(*) FROM queue")[0][0] + self.server.sql(
            "SELECT count(*) FROM quarantine")[0][0]

    def refused(self, text):
        code, said = self.send(text)
        expect(code == 451 and said.startswith("4.3.0"), f"{code} {said}")
        expect(self.kept() == 0, "something was kept")
        expect(not self.server.mails(), "something was delivered")

    def waits(self, *words):
        """The one mail is deferred; what is said of it holds the words."""
        def deferred():
            rows = self.server.sql("SELECT queue, attempts, last_reply FROM queue")
            return rows and rows[0][0] == "deferred" and rows[0]
        row = until("a deferred mail", deferred)
        expect(all(word in row[2] for word in words), row)
        expect(not self.server.mails(), "it was delivered")
        return row[1]

    def flush(self):
        self.server.process.send_signal(signal.SIGUSR1)

    def gone(self):
        until("an empty queue", lambda: self.kept() == 0)

    def lives(self):
        """The server still serves."""
        with self.client() as c:
            expect(c.noop()[0] == 250, "no service any more")


CLEAN = "Subject: hi\nFrom: <a@b.example>\n\nhello\n.dot\n..\nend\n"


def mime(payload, name):
    m = email.mime.multipart.MIMEMultipart()
    m["Subject"] = "parts"
    m.attach(email.mime.application.MIMEApplication(payload, Name=name))
    return m.as_string()


def numbers(world):
    """which of the mails named "number N" were delivered"""
    return sorted(int(re.search(rb"^Subject: number (\d+)", m, re.M)[1])
                  for m in world.server.mails())
