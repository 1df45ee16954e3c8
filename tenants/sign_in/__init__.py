"""How people come in: by password, with a second factor, or from an identity provider."""
