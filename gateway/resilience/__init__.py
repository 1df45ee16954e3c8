"""What stands between a request and a provider that fails."""
