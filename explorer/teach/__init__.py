"""Lessons, the answers that they ask for, handouts and exports."""
