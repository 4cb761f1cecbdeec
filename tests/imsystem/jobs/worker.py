"""A process that runs jobs as a web process does, with a short lease. For test_processes."""

import asyncio
import os
import signal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")


async def main() -> None:
    from imsystem.jobs import runner, running, store
    from imsystem.loops import adopt_running_loop
    from tests.imsystem.jobs import kinds

    store.LEASE_MS, running.BEAT_S, runner.POLL_S = 2_000, 0.5, 0.2
    adopt_running_loop()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    runner.start_runner()
    print("ready", kinds.PLAIN.name, flush=True)
    await ended.wait()
    await runner.stop_runner()


if __name__ == "__main__":
    import django

    django.setup(set_prefix=False)
    asyncio.run(main())
