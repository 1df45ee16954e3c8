"""What projects keep of their end users to be put before requests, sealed."""
