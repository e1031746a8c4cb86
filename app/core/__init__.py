"""What the writing side and the reading side must agree on."""
