"""The part of a SuperLink that the grid talks to, in memory, under a clock that a test moves."""

from types import SimpleNamespace

from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, ConfirmMessageReceivedResponse, Message, Metadata, PullObjectRequest, PullObjectResponse
from flwr.proto.error_pb2 import Error
from flwr.proto.node_pb2 import Node
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, PullAppMessagesResponse

from replies import Tree


class FakeGrid:
    """Nodes answer through `answer(node, instruction id)`: a Tree, an error text, or None for silence."""

    def __init__(self, answer, nodes=(11, 12, 13)):
        self.answer, self.nodes, self.now = answer, list(nodes), 0.0
        self.node, self.run = Node(node_id=1), SimpleNamespace(run_id=5)
        self.sent, self.objects, self.uploading, self.freed, self.pulls = {}, {}, set(), [], 0
        self.extra = []
        self._runtime_client = self

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += max(seconds, 1e-3)

    def get_node_ids(self):
        return self.nodes

    def push_messages(self, messages):
        ids = []
        for message in messages:
            instruction = f"instruction-{message.metadata.dst_node_id}-{len(self.sent)}"
            self.sent[instruction] = message
            ids.append(instruction)
        return ids

    def PullMessages(self, request: PullAppMessagesRequest) -> PullAppMessagesResponse:
        answer = PullAppMessagesResponse()
        for instruction in request.message_ids:
            for reply in [self.answer(self.sent[instruction].metadata.dst_node_id, instruction), *self.extra]:
                if reply is None:
                    continue
                tree = reply if isinstance(reply, Tree) else Tree("ee" * 32, b"", [])
                if isinstance(reply, Tree):
                    self.objects |= reply.contents()
                metadata = Metadata(message_id=tree.id, reply_to_message_id=instruction, src_node_id=self.sent[instruction].metadata.dst_node_id, dst_node_id=1)
                answer.messages_list.append(Message(metadata=metadata, error=None if isinstance(reply, Tree) else Error(code=2, reason=reply)))
                answer.message_object_trees.append(tree.proto())
        return answer

    def PullObject(self, request: PullObjectRequest) -> PullObjectResponse:
        self.pulls += 1
        if request.object_id not in self.objects:
            return PullObjectResponse(object_found=False)
        if request.object_id in self.uploading:
            return PullObjectResponse(object_found=True, object_available=False)
        return PullObjectResponse(object_found=True, object_available=True, object_content=self.objects[request.object_id])

    def ConfirmMessageReceived(self, request: ConfirmMessageReceivedRequest) -> ConfirmMessageReceivedResponse:
        self.freed.append(request.message_object_id)
        return ConfirmMessageReceivedResponse()
