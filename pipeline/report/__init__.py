"""One self-contained page about an AOI, for people who publish: read offline, on a phone, and printed."""
