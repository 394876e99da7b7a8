#!/usr/bin/env python3
"""Reports, as Python's email package reads them, and as other servers see them: bounce.py VSMTP [PART].

The peers and name servers are those of tests/outbound. Each test is a function and gets its own server.
"""

import email
import email.policy
import pathlib
import smtplib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "outbound")]
import outbound  # noqa: E402
import ways  # noqa: E402
from outbound import World, expect, kit, mx, until  # noqa: E402

ZONE = mx((10, "a"), a="127.0.1.1")
ZONE["y.example"] = [("A", "127.0.1.2")]
TEXT = "Subject: Gr\u00fc\u00dfe\r\nMessage-ID: <17@home.example>\r\nX-Odd: \u2713\r\n\r\nhello\r\n"


def reports(w, count, box="bob"):
    """The reports in a mailbox, once there are count of them, parsed; what holds of each is held to."""
    found = [email.message_from_bytes(m, policy=email.policy.default) for m in w.server.mails(box, count)]
    for report in found:
        whole(report)
    return found


def whole(report):
    expect(not report.defects, report.defects)
    expect(report.get_content_type() == "multipart/report", report.get_content_type())
    expect(report.get_param("report-type") == "delivery-status", report["Content-Type"])
    expect(report["Auto-Submitted"] == "auto-replied", report["Auto-Submitted"])
    expect(report["From"].addresses[0].addr_spec == "postmaster@home.example", report["From"])
    expect(report["Date"].datetime and report["Message-ID"], "no date or no identifier")
    for part in report.walk():
        expect(not part.defects, (part.get_content_type(), part.defects))
    types = [p.get_content_type() for p in report.iter_parts()]
    expect(types[:2] == ["text/plain", "message/delivery-status"], types)


def words(report):
    return next(report.iter_parts()).get_content().replace("\r\n", "\n")


def fields(report):
    """The groups of fields of the machine's part: of the message, then one a recipient."""
    part = list(report.iter_parts())[1]
    return [{k.lower(): " ".join(v.split()) for k, v in group.items()} for group in part.get_payload()]


def send(w, *to, sender=outbound.FROM, mail=(), text=TEXT):
    """to: pairs of address and RCPT's parameters."""
    with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30) as c:
        c.ehlo()
        code, said = c.mail(sender, [*mail, "BODY=8BITMIME"])
        expect(code == 250, said)
        for address, *parameters in to:
            code, said = c.rcpt(address, parameters)
            expect(code == 250, said)
        code, said = c.data(text.encode())
        expect(code == 250, said)


def test_failure_is_readable():
    no = "550-5.1.1 <joe@x.example>: no such\r\n550 5.1.1 user, \u00fcberhaupt"
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt=no)
        send(w, ("joe@x.example", "ORCPT=rfc822;jo+2Bseph@x.example"), mail=["ENVID=a+2Bb", "RET=HDRS"])
        (r,) = reports(w, 1)
        expect(r["Subject"] == "Not delivered: Gr\u00fc\u00dfe", r["Subject"])
        expect(r["In-Reply-To"] == "<17@home.example>", r["In-Reply-To"])
        expect(r["Return-Path"] == "<>", r["Return-Path"])
        expect(r["To"] == "bob@home.example", r["To"])
        text = words(r)
        expect(text.startswith("Your message could not be delivered to this recipient:\n\n  joe@x.example\n"
                               "    There is no mailbox of that name.\n    a.x.example said: 550"), text)
        text = " ".join(text.split())
        expect("user, \u00fcberhaupt" in text and 'The message: "Gr\u00fc\u00dfe"' in text, text)
        message, joe = fields(r)
        expect(message["reporting-mta"] == "dns; home.example", message)
        expect(message["original-envelope-id"] == "a+b", message)
        expect(message["received-from-mta"] == "dns; me.example ([127.0.0.1])", message)
        expect(joe["original-recipient"] == "rfc822; jo+seph@x.example", joe)
        expect(joe["final-recipient"] == "rfc822; joe@x.example", joe)
        expect((joe["action"], joe["status"]) == ("failed", "5.1.1"), joe)
        expect(joe["remote-mta"] == "dns; a.x.example", joe)
        expect(joe["diagnostic-code"].startswith("smtp; 550"), joe)
        third = list(r.iter_parts())[2]
        expect(third.get_content_type() == "text/rfc822-headers", third.get_content_type())
        back = third.get_content()
        expect("Subject: Gr\u00fc\u00dfe" in back and "X-Odd: \u2713" in back and "hello" not in back, back)


def test_several_failures_are_one_report():
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt=lambda p, line: "250 ok" if "ann@" in line else "552 5.2.2 full")
        send(w, ("joe@x.example",), ("ann@x.example",), ("jim@x.example",), ("jack@x.example",))
        (r,) = reports(w, 1)
        expect(words(r).startswith("Your message could not be delivered to these recipients:\n"), words(r))
        expect([f["final-recipient"][8:] for f in fields(r)[1:]] ==
               ["joe@x.example", "jim@x.example", "jack@x.example"], fields(r))
        expect(all(f["status"] == "5.2.2" for f in fields(r)[1:]), fields(r))


def test_three_hundred_failures_are_one_report():
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt="550 5.1.1 no such user, and this is said at some length of each of them")
        everybody = [f"user{i}@x.example" for i in range(300)]
        send(w, *((one,) for one in everybody))
        (r,) = reports(w, 1)
        expect(sorted(f["final-recipient"][8:] for f in fields(r)[1:]) == sorted(everybody), fields(r)[1])
        expect(all(one in words(r) for one in everybody), "somebody is missing")


def test_words_of_others_and_ours():
    """a server is quoted with what it said, not with what we found out about it"""
    zone = dict(ZONE, **{"dead.example": [("A", "127.0.1.7")], "full.example": [("A", "127.0.1.3")]})
    with ways.Clock() as clock, World(zone, period="1h", env=clock.env) as w:
        w.peer("127.0.1.1", ehlo=["SIZE 20"])
        w.peer("127.0.1.3", rcpt="452 4.2.2 over quota")
        send(w, ("joe@x.example",), ("ann@missing.example",), ("jim@dead.example",), ("jack@full.example",))
        text = " ".join(words(reports(w, 1)[0]).split())
        for said in ("joe@x.example The message is too big. The reason given: 5.3.4 the mail is larger",
                     "ann@missing.example There is no such domain, or it takes no mail. The reason given: 5.1.2"):
            expect(said in text, text)
        clock.pause(5 * ways.HOUR)
        text = " ".join(words(reports(w, 2)[1]).split())
        for said in ("jim@dead.example The mail server there cannot be reached at present. The reason given: 4.4.1",
                     "jack@full.example The mailbox is full at present. full.example said: 452 4.2.2 over quota"):
            expect(said in text, text)


def test_peer_that_reports():
    with World(ZONE) as w:
        peer = w.peer("127.0.1.1")
        send(w, ("joe@x.example", "NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;jo+2Be@x.example"), ("ann@x.example",),
             mail=["RET=HDRS", "ENVID=QQ+2B1"])
        sender, to, _ = w.arrived(peer)[0]
        expect(sender.startswith("MAIL FROM:<bob@home.example>"), sender)
        expect({"RET=HDRS", "ENVID=QQ+2B1"} <= set(sender.split()), sender)
        expect(to == ["RCPT TO:<joe@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;jo+2Be@x.example",
                      "RCPT TO:<ann@x.example>"], to)
        w.empty()
        expect(not w.server.mails("bob"), "a report, though the peer reports")


def test_peer_that_does_not_report():
    with World(ZONE) as w:
        peer = w.peer("127.0.1.1", ehlo=["8BITMIME"])
        send(w, ("joe@x.example", "NOTIFY=SUCCESS"), ("ann@x.example",), mail=["RET=HDRS", "ENVID=QQ1"])
        sender, to, _ = w.arrived(peer)[0]
        expect("RET=" not in sender and "ENVID=" not in sender, sender)
        expect(to == ["RCPT TO:<joe@x.example>", "RCPT TO:<ann@x.example>"], to)
        (r,) = reports(w, 1)
        expect(r["Subject"].startswith("Handed on: "), r["Subject"])
        (joe,) = fields(r)[1:]
        expect((joe["action"], joe["status"][0]) == ("relayed", "2"), joe)
        expect(joe["final-recipient"] == "rfc822; joe@x.example", joe)


def test_report_leaves_the_machine():
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt="550 5.7.1 no")
        home = w.peer("127.0.1.2", ehlo=[])
        send(w, ("joe@x.example",), sender="carl@y.example")
        sender, to, text = w.arrived(home)[0]
        expect((sender, to) == ("MAIL FROM:<>", ["RCPT TO:<carl@y.example>"]), (sender, to))
        expect(all(octet < 128 for octet in text), "not ASCII")
        r = email.message_from_bytes(text, policy=email.policy.default)
        whole(r)
        expect(fields(r)[1]["status"] == "5.7.1", fields(r))
        until("only the dead one", lambda: w.server.sql("SELECT queue FROM queue") == [("dead",)])


def test_report_that_is_refused():
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt="550 5.7.1 no")
        home = w.peer("127.0.1.2", rcpt="550 5.1.1 nobody")
        send(w, ("joe@x.example",), sender="forged@y.example")
        rows = until("both dead", lambda: [r for r in [w.server.sql(
            "SELECT mail_from, last_reply FROM queue WHERE queue = 'dead' ORDER BY mail_from")] if len(r) == 2])[0]
        expect(rows[0] == ("", "550 5.1.1 nobody; sender not told: it came from nobody"), rows)
        expect(rows[1] == ("forged@y.example", "550 5.7.1 no"), rows)
        expect(not home.mails, home.mails)


def test_filter_that_refuses_after_the_queue():
    """tried for five days as if it were down, but its judgement is not told to whoever was forged"""
    for how, told in (({"dot": "550 5.7.1 a virus"}, 0), ({}, 0), ({"rcpt": "550 5.7.1 who are you"}, 2)):
        port, receiver = kit.free_port(), kit.free_port()
        rules = f'''service f smtp = #{{
            delegator: #{{ address: "127.0.0.1:{port}", timeout: "1s" }}, receiver: "127.0.0.1:{receiver}" }};
          #{{ rcpt: [ rule "all" || accept() ], postq: [ delegate f "scan" || next() ] }}'''
        with ways.Clock() as clock, World(ZONE, rules={"main.vsl": rules}, env=clock.env) as w:
            w.server.stop()
            config = w.server.dir / "vsmtp.toml"
            config.write_text(config.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:0", "127.0.0.1:{receiver}"'))
            w.server.start()
            w.peer("127.0.0.1", port=port, **how)
            send(w, ("alice@home.example",))
            for pause, attempts in ((0, 1), (5 * ways.HOUR, 2)):
                clock.pause(pause)
                until("another attempt", lambda: w.server.sql("SELECT attempts FROM recipient") == [(attempts,)])
            clock.pause(6 * ways.DAY)
            (reply,) = until("the end", lambda: w.server.sql(
                "SELECT last_reply FROM queue WHERE queue = 'dead'"))[0]
            expect(reply.startswith("given up: 4.3.0 delegate"), reply)
            expect(reply.endswith("; sender not told: a filter refused it") == (not told), reply)
            until("no report under way", lambda: len(w.server.sql("SELECT id FROM queue")) == 1)
            expect(len(reports(w, told)) == told, how)


def test_sender_in_utf8():
    who = "bj\u00f6rn@y.example"
    with World(ZONE) as w:
        w.peer("127.0.1.1", rcpt="550 5.1.1 no")
        home = w.peer("127.0.1.2")
        with smtplib.SMTP("127.0.0.1", w.server.port, "me.example", 30) as c:
            c.sendmail(who, ["j\u00f6rg@x.example"], TEXT.encode(), ["SMTPUTF8", "BODY=8BITMIME"],
                       ["ORCPT=utf-8;j\u00f6rg@x.example"])
        sender, to, text = w.arrived(home)[0]
        expect("SMTPUTF8" in sender and to == [f"RCPT TO:<{who}>"], (sender, to))
        r = email.message_from_bytes(text, policy=email.policy.SMTPUTF8)
        expect(who in str(r["To"]), r["To"])
        expect(fields(r)[1]["final-recipient"] == "utf-8; j\\x{F6}rg@x.example", fields(r))
        expect(fields(r)[1]["original-recipient"] == "utf-8; j\\x{F6}rg@x.example", fields(r))


if __name__ == "__main__":
    kit.main("bounce", kit.tests_of(globals()))
