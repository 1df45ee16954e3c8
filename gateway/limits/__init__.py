"""How much a project may ask: decided in Redis, or without it."""
