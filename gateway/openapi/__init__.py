"""The description of the API: what stands in the schema beside the views themselves."""
