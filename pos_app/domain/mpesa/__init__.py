"""What M-PESA's results, codes and addresses mean, whatever product they come from."""
