"""MongoDB's own backend for Django, with filters every engine can plan (flat.py says why)."""
