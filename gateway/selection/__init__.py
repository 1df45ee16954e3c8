"""What is known of a request and of models before anybody is asked."""
