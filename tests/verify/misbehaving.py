#!/usr/bin/python3
"""Looks like a broker of 2.1.2 and misbehaves, as a comment of its configuration says: `# does hang`."""

import os
import re
import socket
import sys
import threading

if "-h" in sys.argv:
    print("mosquitto version 2.1.2")
    sys.exit(3)
text = open(sys.argv[sys.argv.index("-c") + 1]).read()
behaviour = re.search(r"# does (\w+)", text).group(1)
note = re.search(r"# pid in (.+)", text)
if note:
    open(note.group(1), "w").write(str(os.getpid()))
server = socket.create_server(("127.0.0.1", int(re.search(r"listener (\d+)", text).group(1))))
print("mosquitto version 2.1.2 running", file=sys.stderr, flush=True)


def serve(client):
    while packet := client.recv(1000):
        kind = packet[0] >> 4
        if kind == 1:
            client.sendall(b"\x20\x03\x00\x00\x00")
        elif behaviour == "die":
            print("out of order", file=sys.stderr, flush=True)
            os._exit(7)
        elif behaviour == "babble":
            client.sendall(b"\x00\x00")
        elif behaviour == "close":
            client.close()
            return


while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
