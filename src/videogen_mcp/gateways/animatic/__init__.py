"""A free animatic renderer: a prompt becomes a moving storyboard, drawn on this machine without any service."""
