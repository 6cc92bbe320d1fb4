"""What invoicing does: one function per use case. Each asks rating first, decides in `domain`, then writes once."""
