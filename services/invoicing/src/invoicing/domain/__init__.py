"""What an invoice is and how it comes about; pure."""
