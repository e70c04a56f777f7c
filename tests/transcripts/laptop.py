"""Runs `bakup` on a computer called laptop, as the experience page does; else nothing is different."""

from __future__ import annotations

import socket

from bakup.__main__ import main

socket.gethostname = lambda: "laptop"
main()
