"""Local stand-ins for the services that the package talks to."""
