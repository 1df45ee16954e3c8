"""Answers that hold a tenant's data, which nobody on the way may keep."""

from typing import Any

from django.utils.cache import patch_cache_control
from rest_framework.request import Request


class PrivateAnswers:
    """For a view of REST framework, in front of its class."""

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        parent: Any = super()
        answer = parent.finalize_response(request, response, *args, **kwargs)
        patch_cache_control(answer, private=True, no_store=True)
        return answer
