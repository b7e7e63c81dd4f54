"""What stands in for what does not fit on one machine a thousand times; each says in its name what it stands in for."""
