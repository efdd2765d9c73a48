"""A runtime of the public implementation of version 1, which does what lines of JSON on its standard input say.

Nothing of the protocol is here. Messages are built, sent, received, opened and delivered by the implementation; this file
calls what that never calls by itself, and gives its channels the ids that the other side has.
"""

import asyncio
import json
import os
import sys

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever is logged is no answer

from mfp import Runtime, RuntimeConfig
from mfp.core.types import ChannelId, RuntimeId, StateValue
from mfp.federation.bilateral import compute_shared_secret, generate_dh_keypair
from mfp.federation.recovery import compute_state_hash
from mfp.federation.rotation import RekeyAccept, RekeyRequest, RotationSession, derive_rotated_bilateral_state
from mfp.federation.transport import TransportClient, TransportConfig
from mfp.federation.wire import parse_wire_message


def answer(**fields):
    ANSWERS.write(json.dumps(fields) + "\n")
    ANSWERS.flush()


def delivered(message):
    answer(channel=message.channel.value.hex(), payload=message.payload.hex())


class Session:
    async def begin(self, deployment, instance):
        config = RuntimeConfig(
            deployment_id=deployment.encode(), instance_id=instance.encode(), max_message_rate=0, max_payload_size=0
        )
        self.runtime = Runtime(config)
        self.private, public = generate_dh_keypair()
        self.transport = TransportConfig(host="127.0.0.1", port=0, read_timeout=600.0)
        await self.runtime.start_federation(self.transport)
        port = self.runtime._transport_server._server.sockets[0].getsockname()[1]
        answer(runtime=self.runtime.runtime_id.value.data.hex(), public=public.hex(), port=port)

    async def pair(self, peer, public, channels, depth, port):
        self.peer = RuntimeId(StateValue(bytes.fromhex(peer)))
        if public is None:
            self.shared = self.runtime.bootstrap_bilateral_deterministic(self.peer)
        else:
            secret = compute_shared_secret(self.private, bytes.fromhex(public))
            self.shared = self.runtime.bootstrap_bilateral_ceremonial(self.peer, secret)
        self.agent = self.runtime.bind_agent(delivered)
        known = self.runtime._cross_runtime_channels
        for wanted in map(bytes.fromhex, channels):
            made = self.runtime.establish_cross_runtime_channel(
                self.agent, bytes(32), self.shared.bilateral_id, depth=depth
            )
            channel = known.pop(made.value)
            channel.channel_id = ChannelId(wanted)
            known[wanted] = channel
        self.client = TransportClient("127.0.0.1", port, self.transport)
        await self.client.connect()
        answer(paired=True)

    async def send(self, messages):
        for channel, payload in messages:
            self.runtime.send(self.agent, ChannelId(bytes.fromhex(channel)), bytes.fromhex(payload))
        waiting = self.runtime._pending_wire_messages
        while waiting:
            _, wire = waiting.pop(0)
            await self.client.send(*parse_wire_message(wire))

    def rotate(self, secret):
        ours = self.runtime.runtime_id
        self.shared.state = derive_rotated_bilateral_state(self.shared.state, secret, ours, self.peer)

    async def accept_rekey(self, request):
        ours = self.runtime.runtime_id
        request = RekeyRequest.from_bytes(bytes.fromhex(request), self.peer, ours)
        assert request.proposed_step == self.shared.state.step
        session = RotationSession()
        _, public = session.generate_keypair()
        self.rotate(session.compute_shared_secret(request.ephemeral_public_key))
        answer(rekey=RekeyAccept(ours, self.peer, public, request.proposed_step).to_bytes().hex())

    async def request_rekey(self):
        self.rotation = RotationSession()
        _, public = self.rotation.generate_keypair()
        request = RekeyRequest(self.runtime.runtime_id, self.peer, public, self.shared.state.step)
        answer(rekey=request.to_bytes().hex())

    async def rekey_accepted(self, accept):
        accept = RekeyAccept.from_bytes(bytes.fromhex(accept), self.peer, self.runtime.runtime_id)
        assert accept.accepted_step == self.shared.state.step
        self.rotate(self.rotation.compute_shared_secret(accept.ephemeral_public_key))
        await self.state()

    async def state(self):
        answer(step=self.shared.state.step, hash=compute_state_hash(self.shared.state).data.hex())

    async def end(self):
        await self.client.close()
        await self.runtime.stop_federation()


async def main():
    session, loop = Session(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        await getattr(session, command.pop("do"))(**command)


asyncio.run(main())
