"""A Redis Cluster and a primary with Sentinels, as real processes on loopback."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from imsystem.embedded.children import valkey_command
from imsystem.embedded.network import free_port, redis_answers
from tests.system.system import Engine
from tests.up import eventually

SLOTS = 16_384
SERVICE = "im"
# A replica is not kept waiting for others, which might want the same copy.
AT_ONCE = ("--repl-diskless-sync-delay", "0")


def _server(home: Path, name: str, *options: str) -> Engine:
    directory, port = home / name, free_port()
    directory.mkdir()
    command = [*valkey_command(directory, port), *options]
    engine = Engine(command, partial(redis_answers, port), directory / "log", port)
    engine.start()
    return engine


def ask(server: Engine, *command: str | int) -> Any:
    with Redis(port=server.port, socket_timeout=5) as client:
        return client.execute_command(*command)


def holds(server: Engine, *command: str, text: str) -> bool:
    """Whether the server's answer to the command holds a text."""
    try:
        answer = ask(server, *command)
    except RedisError:
        return False
    return text in (answer.decode() if isinstance(answer, bytes) else str(answer))


class Cluster:
    """Three primaries, and a replica of the first, which keeps half of the slots."""

    def __init__(self, home: Path) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *AT_ONCE)
        options += ("--cluster-replica-validity-factor", "0")
        bus = (("--cluster-port", str(free_port())) for _ in range(4))
        self.servers = [_server(home, f"node-{n}", *options, *next(bus)) for n in range(4)]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{s.port}" for s in self.servers)

    def form(self, busiest: Callable[[str], int]) -> None:
        """Makes one cluster of them; the first node owns what is in the slots of `busiest`."""
        half, quarter = SLOTS // 2, SLOTS // 4
        start = busiest("live") // half * half
        other = half - start
        ranges = [(start, half), (other, quarter), (other + quarter, quarter)]
        for number, (first, count) in enumerate(ranges):
            ask(self.servers[number], "CLUSTER", "ADDSLOTSRANGE", first, first + count - 1)
            ask(self.servers[number], "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in self.servers[1:]:
            bus = int(self.servers[0].command[-1])
            ask(server, "CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, bus)
        assert eventually(lambda: all(self._knows_all(s) for s in self.servers), 15)
        identity = ask(self.servers[0], "CLUSTER", "MYID").decode()
        ask(self.servers[3], "CLUSTER", "REPLICATE", identity)
        linked = partial(holds, self.servers[3], "INFO", "replication")
        assert eventually(lambda: linked(text="'master_link_status': 'up'"), 15)

    def _knows_all(self, server: Engine) -> bool:
        info = ask(server, "CLUSTER", "INFO")
        text = info.decode() if isinstance(info, bytes) else str(info)
        return "cluster_state:ok" in text and "cluster_known_nodes:4" in text

    def fail_over(self) -> None:
        """The first node dies; its replica takes over by itself."""
        self.servers[0].kill()

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


class Sentinels:
    """A primary, its replica, and a Sentinel; the first that the URL names has died."""

    def __init__(self, home: Path) -> None:
        self.primary = _server(home, "primary", *AT_ONCE)
        follow = ("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.replica = _server(home, "replica", *follow)
        linked = partial(holds, self.replica, "INFO", "replication")
        assert eventually(lambda: linked(text="'master_link_status': 'up'"), 15)
        self.sentinel = self._sentinel(home)
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{self.sentinel.port}"
        self.url = f"redis+sentinel://{hosts}/{SERVICE}/0"

    def _sentinel(self, home: Path) -> Engine:
        port, configuration = free_port(), home / "sentinel.conf"
        configuration.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {home}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        binary = valkey_command(home, port)[0]
        command = [binary, str(configuration), "--sentinel"]
        engine = Engine(command, partial(redis_answers, port), home / "sentinel.log", port)
        engine.start()
        knows = partial(holds, engine, "SENTINEL", "REPLICAS", SERVICE)
        assert eventually(lambda: knows(text=str(self.replica.port)), 15)
        return engine

    def fail_over(self) -> None:
        """The primary dies; Sentinel makes the replica one."""
        self.primary.kill()

    def stop(self) -> None:
        for server in (self.sentinel, self.replica, self.primary):
            server.stop()
