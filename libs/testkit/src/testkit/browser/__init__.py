"""Pages of the portal in a real browser: Debian's Chromium, driven by Playwright."""
