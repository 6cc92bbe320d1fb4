"""Every SQL statement of invoicing. Invoices are facts: nothing here updates or deletes one."""
