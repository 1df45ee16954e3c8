"""The admin's page to try what a project can do, by the way that its own requests take."""
