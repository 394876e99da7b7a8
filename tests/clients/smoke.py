#!/usr/bin/env python3
"""A program built for another processor, tried out in an emulator: smoke.py ARCH.

Rules, the store and one conversation, each seen to work: enough to know that nothing of the build
is wrong. The real tests run on the processor at hand.
"""

import os
import pathlib
import smtplib
import subprocess
import sys

from clients import ALICE, OUTSIDE, RULES, expect, one_mail
from server import TOP, Server

EMULATORS = {"arm64": "aarch64", "armhf": "arm", "armel": "arm", "mipsel": "mipsel"}


def main():
    arch = sys.argv[1]
    emulator = f"qemu-{EMULATORS[arch]}-static"
    binary = (TOP / os.environ.get("B", "build") / "cross" / arch / "vsmtp").resolve()
    program = [emulator, str(binary)]

    script = TOP / "tests" / "bench" / "vm" / "strings.vsl"
    said = subprocess.run([*program, "eval", script], check=True, capture_output=True, text=True)
    expect(said.stdout == "2600000\n", f"the script said {said.stdout}")
    print("rules: a script gives what it must")

    with Server(program, RULES) as server:
        with smtplib.SMTP("127.0.0.1", server.port) as c:
            c.sendmail("bob@elsewhere.example", [ALICE], "Subject: from a board\n\nhello\n")
            c.sendmail("bob@elsewhere.example", [ALICE], "Subject: [hold]\n\nhello\n")
            refused = c.docmd("MAIL", "FROM:<bob@elsewhere.example>"), c.docmd("RCPT", f"TO:<{OUTSIDE}>")
            expect(refused[1][0] == 554, f"relaying: {refused}")
        one_mail(server, "from a board")
        print("conversation: a mail arrived, relaying was refused")
        rows = server.sql("SELECT queue, rule FROM quarantine")
        expect(rows == [("demo", "hold")], f"{rows}")
        expect("demo" in server.verb("quarantine", "list"), "not in the list")
        print("store: what the rules set aside is in the database")
    print(f"{pathlib.Path(*binary.parts[-2:])}: good")


if __name__ == "__main__":
    main()
