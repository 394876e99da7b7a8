"""tests/outbound/others.py: Postfix's smtp-sink, a real Postfix, a real Dovecot take our mail."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile

from kit import Daemon, Skip, listens, needs_root, run, unpacked
from world import ONE, World, certificates, expect, free_port


def as_others(words):
    """A daemon that will not be root."""
    return ["-u", "nobody", *words] if os.geteuid() == 0 else words


def test_smtp_sink():
    """Postfix's: kind, without ESMTP, with replies that refuse, hang up, come late"""
    top, env = unpacked("postfix")
    kinds = {"kind": [], "old": ["-e"], "lmtp": ["-L"], "hard": ["-f", "data"], "soft": ["-r", "rcpt"],
             "hangup": ["-q", "data"], "plain": ["-p"]}
    zone = {f"{k}.example": [("A", f"127.0.1.{i + 1}")] for i, k in enumerate(kinds)}
    port = free_port()
    way = f'if rcpt().domain == "lmtp.example" {{ forward(rcpt(), "lmtp://lmtp.example:{port}") }}'
    with contextlib.ExitStack() as sinks:
        for k, words in kinds.items():
            ip = zone[f"{k}.example"][0][1]
            sinks.enter_context(Daemon(lambda: listens(port, ip), top / "usr/sbin/smtp-sink", *as_others(words),
                                       f"{ip}:{port}", "100", env=env, cwd="/tmp"))
        with World(zone, way, port=port, period="1h") as w:
            w.send(*(f"a@{k}.example" for k in kinds))
            for k, status in (("kind", "done"), ("old", "done"), ("lmtp", "done"), ("plain", "done"),
                              ("hard", "failed"), ("soft", "pending"), ("hangup", "pending")):
                w.reply(f"a@{k}.example", status)


POSTFIX = """\
compatibility_level = 3.6
mail_owner = mail
setgid_group = news
default_privs = nobody
queue_directory = {dir}/spool
data_directory = {dir}/data
daemon_directory = {top}/usr/lib/postfix/sbin
command_directory = {top}/usr/sbin
shlib_directory = {top}/usr/lib/postfix
meta_directory = {dir}/conf
import_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH SASL_PATH
myhostname = x.example
mydestination = x.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
local_recipient_maps = inline:{{ joe=1, ann=1 }}
alias_maps =
alias_database =
smtpd_recipient_restrictions = reject_unlisted_recipient, permit
smtpd_tls_cert_file = {certs}/x.example.crt
smtpd_tls_key_file = {certs}/x.example.key
smtpd_tls_security_level = may
mail_spool_directory = {dir}/mail/
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
"""
POSTFIX_MASTER = """\
127.0.1.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Takes mail at 127.0.1.1:port. main, master: what its two files say besides."""

    def __init__(self, top, env, port, main="", master=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postfix-"))
        self.dir.chmod(0o755)
        for name in ("conf", "spool", "data", "mail"):
            (self.dir / name).mkdir()
        shutil.chown(self.dir / "data", "mail")
        (self.dir / "mail").chmod(0o1777)
        words = {"dir": self.dir, "top": top, "certs": certificates(), "port": port}
        (self.dir / "conf/main.cf").write_text(POSTFIX.format(**words) + main)
        (self.dir / "conf/master.cf").write_text(POSTFIX_MASTER.format(**words) + master)
        for name in ("postfix-files", "postfix-files.d"):
            if (top / "etc/postfix" / name).exists():
                (self.dir / "conf" / name).symlink_to(top / "etc/postfix" / name)
        for queue in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
                      "saved", "trace"):
            (self.dir / "spool" / queue).mkdir()
            shutil.chown(self.dir / "spool" / queue, "mail")
        for queue in ("pid", "public", "maildrop"):
            (self.dir / "spool" / queue).mkdir()
        for queue, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            shutil.chown(self.dir / "spool" / queue, "mail", "news")
            (self.dir / "spool" / queue).chmod(mode)
        env = dict(env, MAIL_CONFIG=str(self.dir / "conf"))

        def greets():
            try:
                with socket.create_connection(("127.0.1.1", port), 5) as c:
                    return c.recv(100).startswith(b"220")
            except OSError:
                return False
        self.daemon = Daemon(greets, top / "usr/lib/postfix/sbin/master", "-c", self.dir / "conf", env=env,
                             start_new_session=True)

    def log(self):
        file = self.dir / "postfix.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self):
        if sys.exc_info()[0]:  # a test fails
            print(*self.log().splitlines()[-20:], sep="\n")
        self.daemon.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def test_postfix():
    """its smtpd: encrypted, many recipients, one it does not know"""
    needs_root("Postfix's master must be started by root")
    top, env = unpacked("postfix")
    with World(ONE) as w:
        postfix = Postfix(top, env, w.port)
        try:
            w.send("joe@x.example", "nobody@x.example", "ann@x.example")
            expect(w.reply("joe@x.example", "done").startswith("250 2.0.0 Ok: queued as"), w.recipients())
            expect(w.reply("nobody@x.example", "failed").startswith("550 5.1.1"), w.recipients())
            w.says("tls=TLSv1.")
            for _ in range(20):
                w.send("joe@x.example", text="Subject: x\r\n\r\n" + ".\r\nfrom\r\n" * 5000)
            w.empty_but_failed()
        finally:
            postfix.stop()


DOVECOT = """\
{version}
protocols = lmtp
listen = 127.0.0.1
base_dir = {dir}/run
state_dir = {dir}/run
log_path = {dir}/dovecot.log
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 0
first_valid_gid = 0
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
ssl = no
service anvil {{
  chroot =
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  user = {user}
}}
"""
DOVECOT_SINCE = {"2.3": """\
mail_location = maildir:{dir}/mail/%n
auth_username_format = %Ln
import_environment = LD_LIBRARY_PATH
userdb {{
  driver = passwd-file
  args = {dir}/users
}}
passdb {{
  driver = passwd-file
  args = {dir}/users
}}
""", "2.4": """\
mail_driver = maildir
mail_path = {dir}/mail/%{{user | username}}
auth_username_format = %{{user | username | lower}}
import_environment {{
  LD_LIBRARY_PATH = %{{env:LD_LIBRARY_PATH}}
}}
userdb passwd-file {{
  passwd_file_path = {dir}/users
}}
passdb passwd-file {{
  passwd_file_path = {dir}/users
}}
"""}


class Dovecot:
    """Its folder; once started, LMTP at the socket run/lmtp. conf: what its file says besides, as each of
    DOVECOT_SINCE wants it."""

    def __init__(self, conf=None):
        needs_root("Dovecot's master must be started by root")
        self.top, self.env = unpacked("dovecot-lmtpd")
        self.daemon = None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        for name in ("run", "mail"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "mail", "mail", "mail")
        (self.folder / "users").write_text("".join(
            f"{name}:{{plain}}x:8:8::{self.folder}/mail/{name}::\n" for name in ("joe", "ann")))
        has = run(self.top / "usr/sbin/dovecot", "--version", env=self.env)[1]
        since = max(v for v in DOVECOT_SINCE if has >= v)
        text = DOVECOT + DOVECOT_SINCE[since] + (conf or {}).get(since, "")
        version = "" if since == "2.3" else f"dovecot_config_version = {since}.0\ndovecot_storage_version = {since}.0"
        self.sockets = [self.folder / "run" / name for name in ["lmtp", *re.findall(r"{dir}/run/(\S+) ", text)]]
        (self.folder / "conf").write_text(text.format(dir=self.folder, user="mail", group="mail", version=version))

    def start(self):
        # It looks for its parts in /usr: they are laid over it, for its eyes only.
        overlaid = f"mount -t overlay o -o lowerdir={self.top}/usr:/usr /usr && exec "
        status, said = run("unshare", "-m", "sh", "-c", overlaid + "true")
        if status != 0:
            raise Skip(f"nothing can be laid over /usr here: {said}")
        self.daemon = Daemon(lambda: all(s.exists() for s in self.sockets), "unshare", "-m", "sh", "-c",
                             f"{overlaid} /usr/sbin/dovecot -F -c {self.folder}/conf", env=self.env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def test_dovecot():
    """LMTP at its socket"""
    with Dovecot() as dovecot:
        dovecot.start()
        with World(ONE, f'forward(rcpt(), "lmtp:unix:{dovecot.folder}/run/lmtp")') as w:
            w.send("joe@home.example", "nobody@home.example", "ann@home.example")
            expect(" 2.0.0 " in w.reply("joe@home.example", "done"), w.recipients())
            expect(w.reply("nobody@home.example", "failed").startswith("550 5.1.1"), w.recipients())
            w.reply("ann@home.example", "done")
            expect(len(list((dovecot.folder / "mail/joe/new").iterdir())) == 1)
