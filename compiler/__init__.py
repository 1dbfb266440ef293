"""gitopsc: function and run descriptors -> Dockerfiles and Kubernetes manifests."""

from __future__ import annotations

__version__ = "0.1.0"
