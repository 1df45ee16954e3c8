"""What the protocol is called."""

NAME = "anthropic_messages"
