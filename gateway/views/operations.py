"""Operations besides conversations: what all their views do alike."""

from gateway.replies import EdgeReply
from gateway.views.base import InferenceView


class OperationView(InferenceView):
    """Answers an operation whose request is one JSON object.

    A subclass names its `dialect` and `operation`, and describes its `post`, which is
    `return await self.answer_body()`.
    """

    async def answer_body(self) -> EdgeReply:
        asked = self.asked(self.read_body())
        count = getattr(self.dialect, "units", None)
        if count is not None:
            asked.units = count(asked.body)
        return await self.answer(asked)
