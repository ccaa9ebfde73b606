"""What recoveries, chains and action plans do to servers alike."""
