"""What `manage.py up` is made of: one supervisor and the processes it starts.

supervisor  starts the parts, watches them, stops them in reverse order
workers     the web workers, and new ones in place of those that end
children    one child process: its command, its log, its end
launch      the first code of every child: ends it with the supervisor, then becomes the program
output      LOG_FORMAT=json: makes log entries of what children write
proxies     uvicorn's trust in proxies
datadir     var/: the lock, the secrets, the addresses of the running parts, the logs
protection  the passwords of the embedded databases
network     free ports, the listening socket, pings
web         a web worker: serves HTTP and the socket
websocket   how a socket takes pings and fragments
http        how long it waits for the head of a request
prepare     what the first worker does before: reach the databases, check, migrate
control     how a worker waits for its turn and says that it is ready
setup       django.setup() for the workers
probe       the container's health check

The supervisor imports no Django app and opens no database connection.
"""


class UpError(Exception):
    """`up` cannot go on. The text is the one line the user gets; the exit code is 1."""
