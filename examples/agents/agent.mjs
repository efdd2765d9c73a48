#!/usr/bin/env node
// An agent of `mfp`: answers each message with its text turned round.
import { createInterface } from "node:readline";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text);
  if (line.type === "message" && line.reply_to) {
    say({ type: "done", id: line.id });
  } else if (line.type === "message") {
    const payload = [...(line.payload ?? "?")].reverse().join("");
    say({ type: "reply", id: line.id, payload, content_type: "text/plain" });
  } else if (line.type === "error") {
    console.error("error:", line.code, line.message);
  }
}
