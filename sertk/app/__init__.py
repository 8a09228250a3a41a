"""The listening page: predictions for a microphone or a file, computed in the browser.

In: a run or a bundle. Out: a folder of static files that any web server can host, or the same
served on this machine. The page computes with the ONNX file of the bundle; sound never leaves it.
"""

from sertk.app.server import PORT, Server, serve, wait
from sertk.app.site import POLICY, files, write

__all__ = ["POLICY", "PORT", "Server", "files", "serve", "wait", "write"]
