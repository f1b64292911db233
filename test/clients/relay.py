"""Runs a command that knows no sockets in the file system: passes what comes on a
port of the loopback to the server that PGHOST names.  The command has the port
in RELAY_PORT; when it ends, so does this."""
import os
import socket
import subprocess
import sys
import threading


def pass_on(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def serve(listener):
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pass_on, args=pair, daemon=True).start()


listener = socket.create_server(('127.0.0.1', 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
os.environ['RELAY_PORT'] = str(listener.getsockname()[1])
sys.exit(subprocess.call(sys.argv[1:]))
