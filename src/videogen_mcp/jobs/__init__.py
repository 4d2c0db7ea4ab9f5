"""Jobs: what was asked, what was decided, every try, and who drives it to its end."""
