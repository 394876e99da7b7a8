"""tests/outbound/peer.py: a mail server that does what a test wants, on an address of loopback."""

import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import stop_listening  # noqa: E402


def lines_of(stream):
    """What comes in, line by line, without CR LF."""
    left = b""
    while True:
        while b"\r\n" not in left:
            more = stream.recv(65536)
            if not more:
                return
            left += more
        line, left = left.split(b"\r\n", 1)
        yield line


class Peer:
    """Serves ip:port, one thread a connection. `how` says what differs from a kind server:

    greeting, ehlo (list of keywords), and for MAIL, RCPT, DATA, DOT (and any other verb, lower case):
    a reply, or a function (peer, line) that gives one. A reply of several lines has them joined by
    "\\r\\n"; None closes the connection at once; a reply that ends in "!" closes it afterwards.
    """

    def __init__(self, ip, port, lmtp=False, tls=None, implicit=False, **how):
        self.ip, self.port, self.how = ip, port, how
        self.lmtp, self.tls, self.implicit = lmtp, tls, implicit
        self.lock = threading.Lock()
        self.mails = []  # (MAIL's line, [RCPT's lines], text)
        self.lines = []  # all that was said, but for texts
        self.connections = self.now = self.most = 0
        self.listener = socket.create_server((ip, port), backlog=500, family=socket.AF_INET6 if ":" in ip else socket.AF_INET) if port is not None else None
        if self.listener:
            self.port = self.listener.getsockname()[1]
            self.start()

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def reply(self, verb, line, default):
        answer = self.how.get(verb, default)
        return answer(self, line) if callable(answer) else answer

    def say(self, stream, text):
        if text is None:
            raise ConnectionError
        octets = text.rstrip("!").encode() if isinstance(text, str) else text
        stream.sendall(octets + b"\r\n")
        if isinstance(text, str) and text.endswith("!"):
            raise ConnectionError

    def offer(self, verb, encrypted):
        words = list(self.how.get("ehlo", ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000", "DSN"]))
        if callable(self.how.get("offer")):
            words = self.how["offer"](self, encrypted)
        if self.tls and not encrypted:
            words.append("STARTTLS")
        name = self.how.get("name", f"peer-{self.ip}")
        return "\r\n".join(f"250{'-' if i < len(words) else ' '}{w}" for i, w in enumerate([name, *words]))

    def serve(self, stream):
        with self.lock:
            self.connections += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            stream.settimeout(60)
            if self.implicit:
                stream = self.tls.wrap_socket(stream, server_side=True)
            self.talk(stream)
        except (OSError, ConnectionError, ValueError, StopIteration):
            pass
        finally:
            with self.lock:
                self.now -= 1
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            stream.close()

    def talk(self, stream):
        greeting = self.how.get("greeting", "220 peer")
        self.say(stream, greeting(self) if callable(greeting) else greeting)
        encrypted = self.implicit
        source = lines_of(stream)
        sender, to = None, []
        while (raw := next(source, None)) is not None:
            line = raw.decode("utf-8", "replace")
            with self.lock:
                self.lines.append(line)
            verb = line[:4].upper()
            if verb in ("EHLO", "LHLO", "HELO"):
                self.say(stream, self.reply("hello", line, self.offer(verb, encrypted)))
            elif verb == "STAR":
                answer = self.reply("starttls", line, "220 go on")
                self.say(stream, answer)
                if answer.startswith("220"):
                    stream = self.encrypt(stream)
                    source, encrypted = lines_of(stream), True
                    sender, to = None, []
            else:
                sender, to = self.command(stream, source, verb, line, sender, to)

    def encrypt(self, stream):
        if self.how.get("break_tls"):
            stream.recv(65536)
            stream.sendall(b"this is no TLS at all\r\n")
            raise ConnectionError
        return self.tls.wrap_socket(stream, server_side=True)

    def command(self, stream, source, verb, line, sender, to):
        if verb == "AUTH":
            self.how["auth"](self, stream, source, line)
        elif verb == "MAIL":
            answer = self.reply("mail", line, "250 sender ok")
            self.say(stream, answer)
            sender, to = line, []
        elif verb == "RCPT":
            answer = self.reply("rcpt", line, "250 recipient ok")
            self.say(stream, answer)
            if answer.startswith("2"):
                to.append(line)
        elif verb == "DATA":
            answer = self.reply("data", line, "354 go on" if to else "554 nobody")
            self.say(stream, answer)
            if answer.startswith("354"):
                self.text(stream, source, sender, to)
            sender, to = None, []
        elif verb == "QUIT":
            self.say(stream, "221 bye")
            raise ConnectionError
        else:
            self.say(stream, self.reply(verb.lower(), line, "250 ok"))
        return sender, to

    def text(self, stream, source, sender, to):
        lines = []
        middle = self.how.get("middle")
        for raw in source:
            if raw == b".":
                break
            lines.append(raw[1:] if raw.startswith(b".") else raw)
            if middle:
                self.say(stream, middle(self, raw))
        else:
            raise ConnectionError
        text = b"\r\n".join(lines) + b"\r\n"
        for one in to if self.lmtp else [None]:
            answer = self.reply("dot", one, "250 taken")
            if answer and answer.startswith("2"):
                with self.lock:
                    if not self.lmtp or not self.mails or self.mails[-1][2] is not text:
                        self.mails.append((sender, [one] if self.lmtp else list(to), text))
                    else:
                        self.mails[-1][1].append(one)
            self.say(stream, answer)

    def stop(self):
        stop_listening(self.listener)


def slowly(text, seconds=0.2):
    """A reply that drips."""
    def say(peer, line):
        time.sleep(seconds)
        return text
    return say
