"""Sites: clusters of ponds on cleared ground, their history and confidence, and the ids they keep for life."""
