"""What a user would pick instead, tuned as its users would; each gives the same 12 numbers for every account."""
