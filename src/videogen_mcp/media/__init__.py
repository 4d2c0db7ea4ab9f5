"""Media in and out: which addresses and files may be read, how clips are fetched, and what they show.

`urls` judges addresses, `files` takes local files and data URIs, `fetch` downloads, `probe` looks at a finished clip.
"""
