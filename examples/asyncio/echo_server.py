"""A TCP server that sends back everything it receives, with one task per connection.

The counterpart of examples/echo_server.rs. It runs until it is killed.
"""

import argparse
import asyncio
import ipaddress
import sys


async def echo(reader, writer):
    peer = writer.get_extra_info("peername")
    try:
        while data := await reader.read(16 * 1024):
            writer.write(data)
            await writer.drain()
    except OSError as error:
        print(f"{peer}: {error}", file=sys.stderr)
    finally:
        writer.close()


async def serve(host, port):
    server = await asyncio.start_server(echo, host, port)
    host, port = server.sockets[0].getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on {shown}:{port}", flush=True)
    await server.serve_forever()


def address(text):
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    ip = ipaddress.ip_address(host[1:-1] if bracketed else host)
    if bracketed != (ip.version == 6) or not 0 <= int(port) <= 65535:
        raise ValueError
    return str(ip), int(port)


def main():
    parser = argparse.ArgumentParser(
        prog="echo_server.py",
        description="Sends back everything it receives over TCP, until it is killed.",
    )
    parser.add_argument(
        "address",
        nargs="?",
        default="127.0.0.1:7777",
        type=address,
        help="an IP address and a port, such as 127.0.0.1:7777 (the default) "
        "or [::1]:7777; port 0 lets the system choose a free one",
    )
    try:
        asyncio.run(serve(*parser.parse_args().address))
    except OSError as error:
        sys.exit(f"echo_server.py: {error}")
    except KeyboardInterrupt:
        pass


main()
