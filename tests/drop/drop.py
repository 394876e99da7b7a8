#!/usr/bin/env python3
"""Mail from programs of this machine, and mail that is sent on: drop.py VSMTP [PART].

The callers are real ones: bsd-mailx (unpacked by tests/peers.sh), cron's and PHP's way, a shell, Python.
Each test is a function and gets its own server.
"""

import contextlib
import os
import pathlib
import random
import smtplib
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "clients")]
import kit  # noqa: E402
from kit import Skip, expect, free_port, needs_root, unpacked, until  # noqa: E402
from server import Server  # noqa: E402

RULES = {"main.vsl": '#{ connect: [ rule "all" || accept() ] }\n'}


def link(server):
    """The program by its other name."""
    name = server.dir / "sendmail"
    if not name.is_symlink():
        name.symlink_to(kit.PROGRAM[0])
    return name


def sendmail(server, *arguments, text="", user=None, code=0, **more):
    """Calls the program by that name, as that user."""
    call = [str(link(server)), "-C", str(server.dir / "vsmtp.toml"), *arguments]
    if user is not None:
        call = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *call]
    got = subprocess.run(call, input=text.encode(), capture_output=True, check=False, **more)
    expect(got.returncode == code, f"{call} ended with {got.returncode}: {got.stderr.decode()}")
    return got


def drop(server):
    return server.dir / "queues" / "drop"


def empty(server):
    until("the drop folder to be empty", lambda: not list(drop(server).iterdir()))


def enterable(server):
    """Other users may come as far as the drop folder and read the configuration."""
    os.chmod(server.dir, 0o711)
    for file in ("vsmtp.toml", "main.vsl"):
        os.chmod(server.dir / file, 0o644)


# ---- callers ---------------------------------------------------------------------------------------


def test_cron(server):
    """As cron and anacron call it: no address has a domain, lines end in LF."""
    sendmail(server, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "alice", text=(
        "From: root (Cron Daemon)\nTo: alice\nSubject: Cron <root@box> backup\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nX-Cron-Env: <SHELL=/bin/sh>\n\n"
        "done\n.\nnot quite: äöü\n"))
    mail = server.mails(count=1)[0]
    expect(b"\nFrom: root@home.example (Cron Daemon)\n" in mail, mail)
    expect(b"\nTo: alice@home.example\n" in mail, mail)
    expect(mail.endswith("\ndone\n.\nnot quite: äöü\n".encode()), mail)


def test_php(server):
    """As PHP's mail() does: a shell, -t -i, and lines of both kinds."""
    text = ("To: Alice <alice@home.example>\r\nSubject: contact form\r\n"
            "X-PHP-Originating-Script: 33:form.php\r\nBcc: bob@home.example\r\n\r\nline\nother\r\n")
    subprocess.run(f"{link(server)} -C {server.dir}/vsmtp.toml -t -i -fwww@home.example", shell=True,
                   input=text.encode(), check=True)
    for name in ("alice", "bob"):
        mail = server.mails(name, count=1)[0]
        expect(b"Bcc" not in mail and b"bob@" not in mail.replace(b"Delivered-To: bob@", b""), mail)
        expect(b"Return-Path: <www@home.example>" in mail, mail)
        expect(mail.endswith(b"\nline\nother\n"), mail)


def test_mailx(server):
    """bsd-mailx, the mail(1) of Debian."""
    top, env = unpacked("bsd-mailx")
    script = server.dir / "script"
    script.write_text(f'#!/bin/sh\nexec {link(server)} -C {server.dir}/vsmtp.toml "$@"\n')
    script.chmod(0o755)
    (server.dir / "mailrc").write_text(f"set sendmail={script}\n")
    env.update(os.environ, MAILRC=str(server.dir / "mailrc"), HOME=str(server.dir))
    call = [top / "usr/bin/bsd-mailx", "-s", "from mailx", "-c", "bob", "-b", "carol@home.example", "alice"]
    got = subprocess.run(call, input=b"a text\n.hidden\n", env=env, capture_output=True, check=False)
    if b"exec format" in got.stderr or got.returncode == 127:
        raise Skip(got.stderr.decode())
    expect(got.returncode == 0, got.stderr)
    for name in ("alice", "bob", "carol"):
        mail = server.mails(name, count=1)[0]
        expect(b"\nSubject: from mailx\n" in mail, mail)
        expect(b"carol" not in mail.replace(b"Delivered-To: carol", b""), mail)
        expect(b".hidden" in mail, mail)
    expect(b"\nCc: bob@home.example\n" in server.mails()[0], server.mails()[0])


def test_large(server):
    """20 MB go through without growing anybody."""
    line = "x" * 76 + "\n"
    sendmail(server, "-i", "alice", text="Subject: large\n\n" + line * 260000)
    mail = until("it to arrive", lambda: server.mails(), 60)[0]
    expect(mail.count(b"\n" + b"x" * 76) == 260000, len(mail))
    peak = int([l for l in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().split("\n")
                if l.startswith("VmHWM")][0].split()[1])
    print(f"     peak of the test build: {peak} KB")


def test_too_large(server):
    """Larger than allowed: reported to its owner."""
    sendmail(server, "-i", "bob", text="Subject: big\n\n" + ("x" * 70 + "\n") * 3000)
    empty(server)
    until("the report", lambda: server.sql("select count(*) from queue where last_reply like '552%'")
          == [(1,)])


test_too_large.server = "message_size_limit = 100000"


def test_concurrent(server):
    """Fifty at the same time, each once."""
    link(server)
    calls = [threading.Thread(target=sendmail, args=(server, "alice"),
                              kwargs={"text": f"Subject: {i}\n\nx\n"}) for i in range(50)]
    for t in calls:
        t.start()
    for t in calls:
        t.join()
    mails = server.mails(count=50)
    expect(len({m.split(b"Subject: ")[1].split(b"\n")[0] for m in mails}) == 50)


def test_slow(server):
    """A mail that is written for hours is waited for; one whose writer died goes."""
    def begin():
        writer = subprocess.Popen([str(link(server)), "-C", str(server.dir / "vsmtp.toml"), "-i", "alice"],
                                  stdin=subprocess.PIPE)
        writer.stdin.write(b"Subject: slow\n\n" + b"begun\n" * 20000)
        writer.stdin.flush()
        file = until("the file", lambda: list(drop(server).iterdir()))[0]
        until("the pipe to be read", lambda: file.stat().st_size > 100000)
        os.utime(file, (1, 1))
        return writer, file

    writer, file = begin()
    time.sleep(2.5)
    expect(file.exists(), "it was removed while it was written")
    writer.communicate(b"ended\n")
    expect(writer.returncode == 0)
    expect(server.mails(count=1)[0].endswith(b"\nended\n"))
    empty(server)
    writer, file = begin()
    writer.kill()
    writer.communicate()
    empty(server)
    expect(len(server.mails()) == 1)
    writer, file = begin()
    file.unlink()
    writer.communicate()
    expect(writer.returncode == 75, writer.returncode)


# ---- the server is not there -----------------------------------------------------------------------


def leave(server, number):
    """What sendmail would leave, quicker: ids of one size, any order."""
    message = f"From: a@home.example\r\nSubject: n{number}\r\n\r\nx\r\n"
    (drop(server) / f"{number:026d}").write_text(
        f"vsmtp drop 1\nto alice\n\n{message}\nvsmtp drop end {len(message):020d}\n", newline="")


def subjects(server):
    return sorted(int(m.split(b"\nSubject: n")[1].split(b"\n")[0]) for m in server.mails())


def test_thousand(server):
    """A thousand mails wait for the start."""
    server.stop()
    for i in range(1000):
        leave(server, i)
    begun = time.monotonic()
    server.start()
    until("all to arrive", lambda: len(server.mails()) >= 1000, 120, 0.2)
    print(f"     1000 mails taken and delivered in {time.monotonic() - begun:.1f} s")
    empty(server)
    expect(subjects(server) == list(range(1000)))


def test_killed(server):
    """kill -9 again and again while 300 come in: each once."""
    server.stop()
    for i in range(300):
        leave(server, i)
    for _ in range(12):
        server.start()
        time.sleep(random.uniform(0.02, 0.4))
        server.process.kill()
        server.process.wait()
    server.start()
    until("all to arrive", lambda: len(server.mails()) >= 300, 120, 0.2)
    empty(server)
    until("the queue to be empty", lambda: server.sql("select count(*) from queue") == [(0,)])
    expect(subjects(server) == list(range(300)), "some came twice")
    expect(server.sql("select count(*), count(distinct id) from dropped") == [(300, 300)])


def test_stopped(server):
    """The same with SIGTERM, which must end in good order each time."""
    server.stop()
    for i in range(300):
        leave(server, i)
    for _ in range(10):
        server.start()
        time.sleep(random.uniform(0, 0.2))
        server.stop()
    server.start()
    until("all to arrive", lambda: len(server.mails()) >= 300, 120, 0.2)
    empty(server)
    expect(subjects(server) == list(range(300)), "some came twice")


# ---- other users -----------------------------------------------------------------------------------


def test_others(server):
    """Whoever has a file is who sent it; nobody sees what others left."""
    needs_root()
    enterable(server)
    sendmail(server, "alice", text="Subject: mine\n\nx\n", user=12345)
    mail = server.mails(count=1)[0]
    expect(b"from userid 12345" in mail, mail)
    expect(b"Return-Path: <uid12345@home.example>" in mail, mail)
    got = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "ls",
                          str(drop(server))], capture_output=True, check=False)
    expect(got.returncode != 0, "the folder can be listed")
    server.stop()
    sendmail(server, "alice", text="Subject: waits\n\nx\n", user=12345)
    name = next(drop(server).iterdir())
    got = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "rm", "-f",
                          str(name)], capture_output=True, check=False)
    expect(name.exists(), "somebody else removed it")
    server.start()
    server.mails(count=2)


def test_shut(server):
    """No right to the folder: EX_NOPERM; no folder: EX_TEMPFAIL; no room: nothing is left."""
    needs_root()
    enterable(server)
    os.chmod(drop(server), 0o700)
    sendmail(server, "alice", text="x", user=12345, code=77)
    os.chmod(drop(server), 0o1733)
    server.stop()
    drop(server).rename(server.dir / "elsewhere")
    sendmail(server, "alice", text="x", user=12345, code=75)
    (server.dir / "elsewhere").rename(drop(server))
    sendmail(server, "alice", text="x" * 200000, user=12345, code=74,
             preexec_fn=lambda: __import__("resource").setrlimit(
                 __import__("resource").RLIMIT_FSIZE, (100000, 100000)))
    expect(not list(drop(server).iterdir()), "something was left")


def test_hostile(server):
    """Pipes, sockets, links, folders and halves of files stop nobody."""
    server.stop()
    where = drop(server)
    os.mkfifo(where / "0000000000000000000000fifo")
    (where / "000000000000000000000link0").symlink_to("/etc/passwd")
    (where / "000000000000000000folder00").mkdir()
    full = where / "00000000000000000000full00"
    full.mkdir()
    (full / "x").write_text("x")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.relpath(where / "00000000000000000000socket"))
    leave(server, 7)
    os.link(where / f"{7:026d}", server.dir / "second")
    (where / "not an id\n\033[31m").write_text("x")
    with open(where / "0000000000000000000sparse0", "wb") as f:
        f.truncate(1 << 40)
    leave(server, 8)
    server.start()
    expect(subjects(server) == [8] or until("the good one", lambda: subjects(server)) == [8])
    left = until("the others to go", lambda: sorted(p.name for p in where.iterdir())
                 if len(list(where.iterdir())) <= 2 else None)
    expect(left == ["00000000000000000000full00", "0000000000000000000sparse0"], left)
    leave(server, 9)
    until("another look into the folder", lambda: subjects(server) == [8, 9])
    log = (server.dir / "server.log").read_text()
    expect("\033" not in log and "not an id" in log, log)
    expect(log.count("full00 cannot be removed") == 1, log)


# ---- a filter --------------------------------------------------------------------------------------


class FilterSession(socketserver.StreamRequestHandler):
    """Takes one mail as a scanner does, and gives it back with a field in front."""

    def handle(self):
        envelope = []
        self.wfile.write(b"220 filter\r\n")
        for line in self.rfile:
            if line[:4].upper() in (b"MAIL", b"RCPT"):
                envelope.append(line)
            if line[:4].upper() == b"DATA":
                self.wfile.write(b"354 go\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                time.sleep(self.server.delay)
                self.give_back(envelope, text)
            self.wfile.write(b"250 ok\r\n")
            if line[:4].upper() == b"QUIT":
                return

    def give_back(self, envelope, text):
        with socket.create_connection(("127.0.0.1", self.server.receiver)) as s, s.makefile("rwb") as f:
            f.readline()
            for line in [b"HELO filter\r\n", *envelope, b"DATA\r\n",
                         b"X-Filtered: yes\r\n" + text + b".\r\n"]:
                f.write(line)
                f.flush()
                f.readline()


def test_filtered(server):
    """A filter looks at the mail before it is taken; meanwhile the file waits, like a client."""
    sink = server.sink
    sink.receiver = free_port()
    sink.delay, sink.RequestHandlerClass = 2.5, FilterSession
    rules = f'''service filter smtp = #{{
  delegator: #{{ address: "127.0.0.1:{sink.server_address[1]}", timeout: "20s" }},
  receiver: "127.0.0.1:{sink.receiver}",
}};
#{{ connect: [ rule "all" || accept() ],
   preq: [ delegate filter "look" || if get_header("X-Filtered") == "yes" {{ next() }} else {{ deny() }} ] }}
'''
    (server.dir / "main.vsl").write_text(rules)
    config = server.dir / "vsmtp.toml"
    config.write_text(config.read_text().replace(
        'addr = ["127.0.0.1:0"]', f'addr = ["127.0.0.1:0", "127.0.0.1:{sink.receiver}"]'))
    server.stop()
    server.start()
    sendmail(server, "alice", text="Subject: look at it\n\n.x\n")
    time.sleep(2)
    expect(list(drop(server).iterdir()) and not server.mails(), "it did not wait")
    mail = server.mails(count=1)[0]
    expect(b"\nX-Filtered: yes\n" in mail and mail.endswith(b"\n.x\n"), mail)
    empty(server)


test_filtered.sink = True

# ---- mail that is sent on (SRS) ----------------------------------------------------------------------


class Sink(socketserver.ThreadingTCPServer):
    """A mail server that takes everything and remembers it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        self.mails = []
        super().__init__(("127.0.0.1", 0), SinkSession)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class SinkSession(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 sink\r\n")
        mail = {}
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"MAIL":
                mail = {"from": line.split(b"<")[1].split(b">")[0].decode(), "to": []}
            if word == b"RCPT":
                mail["to"].append(line.split(b"<")[1].split(b">")[0].decode())
            if word == b"DATA":
                self.wfile.write(b"354 go\r\n")
                mail["text"] = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(mail)
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


def onward(sink, policy=""):
    """Rules by which all that is not ours goes to the sink."""
    port = sink.server_address[1]
    return {"main.vsl": f'''#{{
  connect: [ rule "all" || accept() ],
  rcpt: [ rule "friends" || {policy or "next()"} ],
  postq: [ action "onward" || for r in rcpt_list() {{
    if !in_domain(r) {{ forward(r, "127.0.0.1:{port}"); }}
  }} ],
}}
'''}


def send(server, sender, *rcpts, text="Subject: x\r\n\r\ntext\r\n"):
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        return client.sendmail(sender, list(rcpts), text)


def test_srs(server):
    """An alias to elsewhere: the sender is rewritten, and a bounce finds its way back."""
    sink = server.sink
    send(server, "carol@far.example", "dad@home.example")
    mail = until("the copy", lambda: sink.mails and sink.mails[0])
    expect(mail["to"] == ["dad@isp.example"], mail)
    rewritten = mail["from"]
    expect(rewritten.startswith("SRS0="), rewritten)
    expect(rewritten.endswith("=far.example=carol@home.example"), rewritten)
    # the bounce
    send(server, "", rewritten, text="Subject: it failed\r\n\r\n")
    back = until("the bounce", lambda: len(sink.mails) > 1 and sink.mails[1])
    expect((back["from"], back["to"]) == ("", ["carol@far.example"]), back)
    # somebody lowered its letters on the way
    send(server, "", rewritten.lower(), text="Subject: it failed\r\n\r\n")
    back = until("the bounce", lambda: len(sink.mails) > 2 and sink.mails[2])
    expect(back["to"] == ["carol@far.example"], back)
    # not for a sender, not forged, not for ever
    for sender, rcpt in (("eve@far.example", rewritten),
                         ("", rewritten.replace("carol", "eve")),
                         ("", "SRS0=aaaaaaaa=AA=far.example=carol@home.example"),
                         ("", "SRS1=aaaaaaaa=far.example==x@home.example")):
        try:
            send(server, sender, rcpt)
        except smtplib.SMTPRecipientsRefused as e:
            expect(list(e.recipients.values())[0][0] == 550, e)
        else:
            raise AssertionError(f"{rcpt} from <{sender}> was taken")
    # after a restart the key is the same
    server.stop()
    server.start()
    send(server, "", rewritten, text="Subject: it failed\r\n\r\n")
    until("the bounce", lambda: len(sink.mails) > 3)
    # one that was rewritten before
    send(server, "SRS0=abcd=2W=far.example=carol@mid.example", "dad@home.example")
    mail = until("the copy", lambda: len(sink.mails) > 4 and sink.mails[4])
    expect(mail["from"].startswith("SRS1="), mail)
    expect(mail["from"].endswith("=mid.example==abcd=2W=far.example=carol@home.example"), mail)
    send(server, "", mail["from"], text="Subject: it failed\r\n\r\n")
    back = until("the bounce", lambda: len(sink.mails) > 5 and sink.mails[5])
    expect(back["to"] == ["SRS0=abcd=2W=far.example=carol@mid.example"], back)
    # our own senders, the null sender: as they are
    send(server, "alice@home.example", "dad@home.example")
    mail = until("the copy", lambda: len(sink.mails) > 6 and sink.mails[6])
    expect(mail["from"] == "alice@home.example", mail)
    send(server, "", "dad@home.example")
    mail = until("the copy", lambda: len(sink.mails) > 7 and sink.mails[7])
    expect(mail["from"] == "", mail)
    # a sender too long for any of it
    long = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example"
    send(server, long, "dad@home.example")
    mail = until("the copy", lambda: len(sink.mails) > 8 and sink.mails[8])
    expect(mail["from"] == long, mail)


def test_srs_off(server):
    """server.srs = false."""
    sink = server.sink
    send(server, "carol@far.example", "dad@home.example")
    mail = until("the copy", lambda: sink.mails and sink.mails[0])
    expect(mail["from"] == "carol@far.example", mail)


test_srs.sink = test_srs_off.sink = True
test_srs.interfaces = test_srs_off.interfaces = '[app.aliases]\n"dad@home.example" = ["dad@isp.example"]'
test_srs_off.server = "srs = false"

# ---- all of them ------------------------------------------------------------------------------------

def with_server(test):
    sink = Sink() if getattr(test, "sink", False) else None
    with contextlib.ExitStack() as stack:
        server = Server(kit.PROGRAM, onward(sink) if sink else RULES,
                        server=getattr(test, "server", ""), mailboxes=("alice", "bob", "carol"),
                        interfaces=getattr(test, "interfaces", ""))
        server.sink = sink
        if sink:
            stack.enter_context(sink)
        stack.enter_context(server)
        test(server)


if __name__ == "__main__":
    kit.main("drop", kit.tests_of(globals()), with_server)
