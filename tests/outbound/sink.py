#!/usr/bin/env python3
"""tests/outbound/sink.py PORT FILE ADDRESS…: one process that is many mail servers.

Takes every mail at all those addresses, and appends a line to FILE for each recipient: time, address
of the server, recipient. An address "silent:IP" accepts connections and never says a word.
"""

import asyncio
import socket
import sys
import time


class Sink(asyncio.Protocol):
    def __init__(self, file, ip):
        self.file, self.ip, self.left, self.text, self.to = file, ip, b"", False, []

    def connection_made(self, transport):
        self.out = transport
        self.out.write(b"220 sink\r\n")

    def data_received(self, data):
        self.left += data
        while b"\r\n" in self.left:
            line, self.left = self.left.split(b"\r\n", 1)
            self.line(line)

    def line(self, line):
        if self.text:
            if line == b".":
                self.text = False
                for to in self.to:
                    self.file.write(f"{time.time():.3f} {self.ip} {to}\n")
                self.file.flush()
                self.to = []
                self.out.write(b"250 taken\r\n")
            return
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.out.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
        elif verb == b"RCPT":
            self.to.append(line.decode()[9:].split(">")[0])
            self.out.write(b"250 ok\r\n")
        elif verb == b"DATA":
            self.text = True
            self.out.write(b"354 go\r\n")
        elif verb == b"QUIT":
            self.out.write(b"221 bye\r\n")
            self.out.close()
        else:
            self.out.write(b"250 ok\r\n")


async def serve(port, path, addresses):
    loop, kept = asyncio.get_running_loop(), []
    with open(path, "a", encoding="ascii") as file:
        for address in addresses:
            ip = address.rsplit(":", 1)[-1]
            kept.append(socket.create_server((ip, port), backlog=100))
            if not address.startswith("silent:"):
                kept[-1].setblocking(False)
                await loop.create_server(lambda ip=ip: Sink(file, ip), sock=kept[-1])
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
