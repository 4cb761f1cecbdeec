"""Work that outlives a request: stored in MongoDB, run inside the web processes.

`tasks` declares a kind of work, `backend` stores a job of it (Django's tasks API), `runner` runs
what is due, `services` cancels jobs and runs them again. docs/architecture.md has the whole story.
"""
