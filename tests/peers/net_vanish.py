"""A client that announces a message of 100 bytes, sends ten of them, and is killed.

usage: net_vanish.py PORT
"""

import os
import signal
import socket
import sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream.sendall((100).to_bytes(4, "big") + b"half of it")
os.kill(os.getpid(), signal.SIGKILL)
