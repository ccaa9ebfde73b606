"""The actions of action plans: a check, and a step that is polled."""
