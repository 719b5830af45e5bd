"""Opens connections to an HTTP server, asks once over each, keeps them, and says so.

usage: load.py HOST PORT CONNECTIONS

Prints how many were answered with status 200, waits for the end of its input, and closes them.
"""

import socket
import sys

REQUEST = b"GET /notes HTTP/1.1\r\nHost: here\r\n\r\n"


def ask(host, port):
    connection = socket.create_connection((host, port), timeout=30)
    connection.sendall(REQUEST)
    return connection


def is_answered(connection):
    answer = b""
    while not answer.endswith(b"[]"):
        more = connection.recv(4096)
        if not more:
            return False
        answer += more
    return answer.startswith(b"HTTP/1.1 200 OK")


def main():
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    connections = []
    # In portions, for the server's list of those that are to be accepted is not endless.
    while len(connections) < count:
        portion = [ask(host, port) for _ in range(min(100, count - len(connections)))]
        connections += [connection for connection in portion if is_answered(connection)]
        if len(connections) % 100 != 0:
            break
    print(len(connections), flush=True)
    sys.stdin.read()


main()
