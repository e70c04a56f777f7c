"""Flows: the only place where the stages meet. Each command of the tool is one function here."""
