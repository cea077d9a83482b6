"""Telling people: messages, an outbox that loses nothing and doubles nothing, and the budget of false alarms."""
