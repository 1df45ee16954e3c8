"""How the providers do, and what a project sees of them."""
