"""Choosing: which endpoints can do what was asked, and which of them does it best."""
