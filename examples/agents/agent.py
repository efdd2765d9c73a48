#!/usr/bin/env python3
"""An agent of `mfp`: answers in capitals, and asks another agent where it is told to."""
import json, sys

def say(**line):
    print(json.dumps(line), flush=True)

waiting = {}  # ref of our request -> id of the message that it is for

for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "message":
        text = line.get("payload", "")
        if line.get("reply_to"):          # An answer that came late: nothing to say.
            say(type="done", id=line["id"])
        elif text.startswith("ask "):     # "ask NAME TEXT": the answer of NAME is ours.
            _, name, question = text.split(" ", 2)
            waiting[line["id"]] = line["id"]
            say(type="request", ref=line["id"], to=name, payload=question, timeout_ms=5000)
        else:
            say(type="reply", id=line["id"], payload=text.upper() or "?", content_type="text/plain")
    elif line["type"] == "result":
        say(type="reply", id=waiting.pop(line["ref"]), payload=line["answer"]["payload"])
    elif line["type"] == "error":
        print("error:", line["code"], line["message"], file=sys.stderr)
        if line.get("ref") in waiting:
            say(type="failed", id=waiting.pop(line["ref"]), reason=line["code"])
