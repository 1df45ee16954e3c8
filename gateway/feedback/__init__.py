"""POST /v1/feedback: what people think of answers."""
