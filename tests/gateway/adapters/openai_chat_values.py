"""JSON that a server of chat completions might send, and much that it should not."""

from hypothesis import strategies as st

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
_names = st.sampled_from(
    [
        "annotations",
        "arguments",
        "audio",
        "choices",
        "citations",
        "content",
        "delta",
        "detail",
        "error",
        "extra_content",
        "finish_reason",
        "function",
        "function_call",
        "google",
        "id",
        "index",
        "logprobs",
        "message",
        "model",
        "name",
        "object",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "refusal",
        "search_results",
        "text",
        "thinking",
        "tool_calls",
        "transcript",
        "type",
        "url",
        "url_citation",
        "usage",
        "x_groq",
    ]
)
_likely = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=5)
    ),
    max_leaves=15,
)
answers = st.dictionaries(_names, _likely | anything, max_size=6)
