"""The nine routes of the system this one succeeds, over our services (docs/compatibility.md)."""
