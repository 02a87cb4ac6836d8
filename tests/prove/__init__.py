"""What is proven by sweeps: many seeded cases of one kind."""
