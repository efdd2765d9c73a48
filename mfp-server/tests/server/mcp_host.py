import asyncio, sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

def structured(result):
    return getattr(result, "structured_content", None) or getattr(result, "structuredContent", None)

def say(line):
    print(line, flush=True)
    sys.stdin.readline()

async def main():
    server = StdioServerParameters(command=sys.argv[1], args=["mcp", "--agent", "ann", "--config", sys.argv[2]])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        names = {tool.name for tool in (await session.list_tools()).tools}
        assert names == {"mfp_send", "mfp_channels", "mfp_status", "mfp_receive"}, names

        async def call(tool, **arguments):
            result = await session.call_tool(tool, arguments)
            wrong = getattr(result, "is_error", None) or getattr(result, "isError", None)
            assert not wrong, result
            return structured(result)

        async def ask(question, **more):
            sent = await call("mfp_send", to="model@b", payload=question, **more)
            answer = await call("mfp_receive", timeout_seconds=50)
            assert answer["reply_to"] == sent["message"], (sent, answer)
            text = answer["body"]["payload"]
            assert text.endswith(f"you ask: {question}"), text
            done = await call("mfp_receive", timeout_seconds=0, ack=[answer["message"]])
            assert done["acked"] == [answer["message"]] and done["message"] is None, done
            return text

        text = await ask("who are you?", wait="acked")
        say("first: " + text.split(",")[0])
        say("restart a")
        await ask("and now?")
        say("second: answered")
        say("restart b")
        await ask("and why?")
        say("third: answered")
        assert (await call("mfp_status"))["agent"]["name"] == "ann"
        assert len((await call("mfp_channels"))["channels"]) == 1
    say("end")

asyncio.run(main())
