"""Does what the domain decides: journals, pushes, asks, hears. One asyncio loop, no Qt."""
