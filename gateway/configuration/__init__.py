"""What the database says, in memory: read, followed, and looked up."""
