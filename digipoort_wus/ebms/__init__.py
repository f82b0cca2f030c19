"""ebMS 2.0: a message service handler without I/O, and what Digipoort says over it.

Octets and an agreement go in; values, decisions and octets come out. Nothing in here opens a
socket, reads a clock or keeps anything: the gateway does that around it.
"""
