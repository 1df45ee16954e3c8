"""How much a project may spend: reserved before each attempt, settled after it."""
