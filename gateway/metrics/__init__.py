"""What /metrics tells, from counting on the request path to the text of a scrape."""
