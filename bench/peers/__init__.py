"""The systems that are measured side by side with IMSystem. README.md says how fair that is."""
