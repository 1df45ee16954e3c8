"""What a request is told of its end user: chosen, opened, put into words and in its place."""
