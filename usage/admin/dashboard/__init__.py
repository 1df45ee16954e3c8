"""The first page of the admin: what went through, from the sums of usage."""
