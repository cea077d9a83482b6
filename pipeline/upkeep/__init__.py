"""What keeps an installation going for years: schedule, status, doctor, backup, and what is cleared away."""
