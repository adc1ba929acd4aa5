"""What a sale is and how an attempt moves: pure rules, no I/O, no clock, no logging."""
