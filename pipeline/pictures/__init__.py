"""Pictures of a site for people: strips of before, first and latest, and charts of its areas over time."""
